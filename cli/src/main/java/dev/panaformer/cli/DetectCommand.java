package dev.panaformer.cli;

import dev.panaformer.Detection;
import dev.panaformer.ObjectDetector;
import dev.panaformer.image.RgbImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Objects in images. */
@Command(
    name = "detect",
    description = "Print the objects in each image: score, label, and the box in pixels.")
final class DetectCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ImageArguments arguments;

  @Option(
      names = "--threshold",
      paramLabel = "P",
      description = "What a score has to exceed. Default: ${DEFAULT-VALUE}.")
  private double threshold = 0.5;

  @Option(names = "--output", paramLabel = "PNG", description = "Draw the boxes on the image.")
  private Path output;

  @Option(names = "--json", description = "Print one JSON line for each image.")
  private boolean json;

  private record DetectedObjects(String image, List<Detection> objects) {}

  @Override
  public Integer call() throws IOException {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new ParameterException(
          spec.commandLine(), "--threshold is " + threshold + ", expected 0 to 1");
    }
    arguments.requireOnePicture(spec, "--output", output);
    try (ObjectDetector detector = ObjectDetector.load(arguments.model(), arguments.options(spec));
        Progress progress = Progress.printing("Detecting", arguments.images().size())) {
      for (Path file : arguments.images()) {
        RgbImage image = detector.read(file);
        List<Detection> objects = detector.detect(image, threshold);
        print(new DetectedObjects(file.toString(), objects));
        if (output != null) {
          Drawing.write(Drawing.boxes(image, objects, detector.labels()), output);
        }
        spec.commandLine().getOut().flush();
        progress.advance(1);
      }
    }
    return 0;
  }

  private void print(DetectedObjects result) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(result));
      return;
    }
    out.println(result.image());
    for (Detection object : result.objects()) {
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
