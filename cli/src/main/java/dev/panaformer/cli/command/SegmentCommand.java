package dev.panaformer.cli.command;

import dev.panaformer.ImageOptions;
import dev.panaformer.ImageSegmenter;
import dev.panaformer.Segmentation;
import dev.panaformer.cli.drawing.Drawing;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.image.RgbImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Segments images: a label for each pixel. */
@Command(
    name = "segment",
    description = "Print how much of each image belongs to each label, the most first.")
public final class SegmentCommand extends ImageCommand<ImageSegmenter> {
  @Option(
      names = "--output",
      paramLabel = "PNG",
      description = "Draw the labels as colours over the image.")
  private Path output;

  private record Segment(String label, int pixels, float share) {}

  private record SegmentedImage(String image, int width, int height, List<Segment> segments)
      implements Result {
    @Override
    public void print(PrintWriter out) {
      out.println(image);
      for (Segment segment : segments) {
        out.printf(
            Locale.ROOT,
            "  %6.2f %%  %10d  %s%n",
            100 * segment.share(),
            segment.pixels(),
            segment.label());
      }
    }
  }

  public SegmentCommand() {
    super("Segmenting");
  }

  @Override
  void checkArguments() {
    requireOnePicture("--output", output);
  }

  @Override
  ImageSegmenter load(Path model, ImageOptions options) throws IOException {
    return ImageSegmenter.load(model, options);
  }

  @Override
  void evaluate(ImageSegmenter segmenter, Path file) throws IOException {
    RgbImage image = segmenter.read(file);
    Segmentation segmentation = segmenter.segment(image);
    output()
        .print(
            new SegmentedImage(
                file.toString(), image.width(), image.height(), segments(segmentation)));
    if (output != null) {
      Drawing.write(Drawing.labels(image, segmentation), output);
    }
  }

  private static List<Segment> segments(Segmentation segmentation) {
    int[] pixels = segmentation.pixels();
    List<Segment> segments = new ArrayList<>();
    for (int i = 0; i < pixels.length; i++) {
      if (pixels[i] > 0) {
        float share = (float) pixels[i] / segmentation.map().length;
        segments.add(new Segment(segmentation.labels().get(i), pixels[i], share));
      }
    }
    segments.sort(Comparator.comparingInt(Segment::pixels).reversed());
    return segments;
  }
}
