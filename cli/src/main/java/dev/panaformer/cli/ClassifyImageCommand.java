package dev.panaformer.cli;

import dev.panaformer.ImageClassifier;
import dev.panaformer.Label;
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
import picocli.CommandLine.Spec;

/** Labels for images. */
@Command(
    name = "classify-image",
    description = "Print the labels of each image with their probabilities, the best first.")
final class ClassifyImageCommand implements Callable<Integer> {
  private static final int LABELS = 5;

  @Spec private CommandSpec spec;
  @Mixin private ImageArguments arguments;

  @Option(
      names = "--top",
      paramLabel = "N",
      description = "Labels to print of each image. Default: ${DEFAULT-VALUE}.")
  private int top = LABELS;

  @Option(
      names = "--attention",
      paramLabel = "PNG",
      description = "Draw which parts of the image the model looked at, by attention rollout.")
  private Path attention;

  @Option(names = "--json", description = "Print one JSON line for each image.")
  private boolean json;

  private record LabelledImage(String image, List<Label> labels) {}

  @Override
  public Integer call() throws IOException {
    Counts.requirePositive(spec, "--top", top);
    arguments.requireOnePicture(spec, "--attention", attention);
    try (ImageClassifier classifier =
            ImageClassifier.load(arguments.model(), arguments.options(spec));
        Progress progress = Progress.printing("Classifying", arguments.images().size())) {
      for (Path file : arguments.images()) {
        RgbImage image = classifier.read(file);
        print(new LabelledImage(file.toString(), classifier.classify(image, top)));
        if (attention != null) {
          Drawing.write(Drawing.attention(image, classifier.attention(image)), attention);
        }
        spec.commandLine().getOut().flush();
        progress.advance(1);
      }
    }
    return 0;
  }

  private void print(LabelledImage result) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(result));
      return;
    }
    out.println(result.image());
    for (Label label : result.labels()) {
      out.printf(Locale.ROOT, "  %7.4f  %s%n", label.score(), label.label());
    }
  }
}
