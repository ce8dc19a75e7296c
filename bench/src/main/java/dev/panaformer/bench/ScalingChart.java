package dev.panaformer.bench;

import dev.panaformer.bench.AttentionScaling.Growth;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Time and memory of each kind of attention over the length, side by side, all axes logarithmic.
 */
final class ScalingChart {
  private static final int WIDTH = 880;
  private static final int HEIGHT = 760;

  /** Colours that people tell apart however they see them (Okabe and Ito 2008). */
  private static final List<Color> COLORS =
      List.of(
          new Color(0x000000),
          new Color(0x0072B2),
          new Color(0x009E73),
          new Color(0xD55E00),
          new Color(0xCC79A7));

  private ScalingChart() {}

  static void write(List<Growth> growths, String description, Path file) throws IOException {
    XYChart time =
        chart(
            "Time of attention (" + description + ")",
            "milliseconds",
            growths,
            Growth::timeSlope,
            g -> scaled(g.seconds(), 1e3));
    XYChart memory =
        chart(
            "Memory beyond inputs and outputs",
            "MiB",
            growths,
            Growth::memorySlope,
            g -> scaled(g.bytes(), 1.0 / (1 << 20)));
    try (OutputStream out = Files.newOutputStream(file)) {
      BitmapEncoder.saveBitmap(List.of(time, memory), 1, 2, out, BitmapFormat.PNG);
    }
  }

  private static XYChart chart(
      String title,
      String unit,
      List<Growth> growths,
      Function<Growth, Double> slope,
      Function<Growth, double[]> values) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("tokens")
            .yAxisTitle(unit)
            .build();
    style(chart.getStyler());
    for (int i = 0; i < growths.size(); i++) {
      Growth growth = growths.get(i);
      String name =
          String.format(Locale.ROOT, "%s, slope %.2f", growth.name(), slope.apply(growth));
      XYSeries series = chart.addSeries(name, growth.lengths(), values.apply(growth));
      series.setMarker(SeriesMarkers.CIRCLE);
      series.setLineStyle(new BasicStroke(2.5f));
      series.setLineColor(COLORS.get(i % COLORS.size()));
      series.setMarkerColor(COLORS.get(i % COLORS.size()));
    }
    return chart;
  }

  private static void style(XYStyler styler) {
    styler.setXAxisLogarithmic(true);
    styler.setYAxisLogarithmic(true);
    styler.setLegendPosition(LegendPosition.InsideNW);
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setPlotBorderVisible(false);
    styler.setPlotGridLinesColor(new Color(0xDDDDDD));
    styler.setLegendBorderColor(new Color(0xDDDDDD));
    styler.setMarkerSize(8);
    styler.setChartTitleBoxVisible(false);
    styler.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 18));
    styler.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 16));
    styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
    styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 15));
  }

  private static double[] scaled(double[] values, double factor) {
    return Arrays.stream(values).map(value -> value * factor).toArray();
  }
}
