package dev.panaformer.cli;

import dev.panaformer.ImageSegmenter;
import dev.panaformer.Segmentation;
import dev.panaformer.image.RgbImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What the pixels of images belong to. */
@Command(
    name = "segment",
    description = "Print how much of each image belongs to each label, the most first.")
final class SegmentCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ImageArguments arguments;

  @Option(
      names = "--output",
      paramLabel = "PNG",
      description = "Draw the labels as colours over the image.")
  private Path output;

  @Option(names = "--json", description = "Print one JSON line for each image.")
  private boolean json;

  private record Segment(String label, int pixels, float share) {}

  private record SegmentedImage(String image, int width, int height, List<Segment> segments) {}

  @Override
  public Integer call() throws IOException {
    arguments.requireOnePicture(spec, "--output", output);
    try (ImageSegmenter segmenter =
            ImageSegmenter.load(arguments.model(), arguments.options(spec));
        Progress progress = Progress.printing("Segmenting", arguments.images().size())) {
      for (Path file : arguments.images()) {
        RgbImage image = segmenter.read(file);
        Segmentation segmentation = segmenter.segment(image);
        print(
            new SegmentedImage(
                file.toString(), image.width(), image.height(), segments(segmentation)));
        if (output != null) {
          Drawing.write(Drawing.labels(image, segmentation), output);
        }
        spec.commandLine().getOut().flush();
        progress.advance(1);
      }
    }
    return 0;
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

  private void print(SegmentedImage result) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(result));
      return;
    }
    out.println(result.image());
    for (Segment segment : result.segments()) {
      out.printf(
          Locale.ROOT,
          "  %6.2f %%  %10d  %s%n",
          100 * segment.share(),
          segment.pixels(),
          segment.label());
    }
  }
}
