package dev.panaformer.cli.command;

import dev.panaformer.Detection;
import dev.panaformer.ImageOptions;
import dev.panaformer.ObjectDetector;
import dev.panaformer.cli.drawing.Drawing;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import dev.panaformer.image.RgbImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Finds objects in images. */
@Command(
    name = "detect",
    description = "Print the objects in each image: score, label, and the box in pixels.")
public final class DetectCommand extends ImageCommand<ObjectDetector> {
  @Option(
      names = "--threshold",
      paramLabel = "P",
      description = "Print objects with a higher score than P. Default: ${DEFAULT-VALUE}.")
  private double threshold = 0.5;

  @Option(names = "--output", paramLabel = "PNG", description = "Draw the boxes on the image.")
  private Path output;

  private record DetectedObjects(String image, List<Detection> objects) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.println(image);
      for (Detection object : objects) {
        Detection.Box box = object.box();
        out.printf(
            Locale.ROOT,
            "  %7.4f  %-16s  %7.1f %7.1f  to  %7.1f %7.1f%n",
            object.score(),
            object.label(),
            box.left(),
            box.top(),
            box.right(),
            box.bottom());
      }
    }
  }

  public DetectCommand() {
    super("Detecting");
  }

  @Override
  void checkArguments() {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new UsageException("--threshold is " + threshold + ", expected 0 to 1");
    }
    requireOnePicture("--output", output);
  }

  @Override
  ObjectDetector load(Path model, ImageOptions options) throws IOException {
    return ObjectDetector.load(model, options);
  }

  @Override
  void evaluate(ObjectDetector detector, Path file) throws IOException {
    RgbImage image = detector.read(file);
    List<Detection> objects = detector.detect(image, threshold);
    output().print(new DetectedObjects(file.toString(), objects));
    if (output != null) {
      Drawing.write(Drawing.boxes(image, objects, detector.labels()), output);
    }
  }
}
