package dev.panaformer.bench.compare;

import dev.panaformer.bench.compare.AttentionScaling.Growth;
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
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * A chart of time and memory of each kind of attention over the length, side by side, with
 * logarithmic axes.
 */
final class ScalingChart {
  private static final int WIDTH = 880;
  private static final int HEIGHT = 760;
  private static final double MIB = 1.0 / (1 << 20);

  /** Colours that colour-blind people can distinguish (Okabe and Ito 2008). */
  private static final List<Color> COLORS =
      List.of(
          new Color(0x000000),
          new Color(0x0072B2),
          new Color(0x009E73),
          new Color(0xD55E00),
          new Color(0xCC79A7));

  private ScalingChart() {}

  /**
   * @param inputsAndOutputs the bytes of queries, keys, values and results at each length of a
   *     growth
   */
  static void write(List<Growth> growths, double[] inputsAndOutputs, String description, Path file)
      throws IOException {
    XYChart time = chart("Time of attention: " + description, "milliseconds");
    XYChart memory = chart("Memory beyond inputs and outputs", "MiB");
    for (int i = 0; i < growths.size(); i++) {
      Growth growth = growths.get(i);
      Color color = COLORS.get(i % COLORS.size());
      add(time, growth, growth.timeSlope(), scaled(growth.seconds(), 1e3), color);
      add(memory, growth, growth.memorySlope(), scaled(growth.bytes(), MIB), color);
    }
    XYSeries tensors =
        memory.addSeries(
            "q, k, v and y themselves",
            octaves(growths.get(0).lengths()),
            scaled(inputsAndOutputs, MIB));
    tensors.setMarker(SeriesMarkers.NONE);
    tensors.setLineColor(Color.GRAY);
    tensors.setLineStyle(
        new BasicStroke(2, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {6, 6}, 0));
    try (OutputStream out = Files.newOutputStream(file)) {
      BitmapEncoder.saveBitmap(List.of(time, memory), 1, 2, out, BitmapFormat.PNG);
    }
  }

  private static void add(
      XYChart chart, Growth growth, double slope, double[] values, Color color) {
    String name = String.format(Locale.ROOT, "%s, slope %.2f", growth.name(), slope);
    XYSeries series = chart.addSeries(name, octaves(growth.lengths()), values);
    series.setMarker(SeriesMarkers.CIRCLE);
    series.setMarkerColor(color);
    series.setLineStyle(new BasicStroke(2.5f));
    series.setLineColor(color);
  }

  private static XYChart chart(String title, String unit) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("tokens")
            .yAxisTitle(unit)
            .build();
    // The chart library marks decades on a logarithmic axis, but the axis spans only one and a half
    // decades. This axis marks octaves.
    chart.setCustomXAxisTickLabelsFormatter(
        octave -> octave == Math.rint(octave) ? String.valueOf(1 << octave.intValue()) : "");
    XYStyler styler = chart.getStyler();
    styler.setYAxisLogarithmic(true);
    styler.setYAxisDecimalPattern("#,##0.##");
    styler.setXAxisTickMarkSpacingHint(WIDTH / 8);
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
    return chart;
  }

  private static double[] octaves(double[] lengths) {
    return Arrays.stream(lengths).map(length -> Math.log(length) / Math.log(2)).toArray();
  }

  private static double[] scaled(double[] values, double factor) {
    return Arrays.stream(values).map(value -> value * factor).toArray();
  }
}
