package dev.panaformer.cli.command;

import dev.panaformer.ImageClassifier;
import dev.panaformer.ImageOptions;
import dev.panaformer.Label;
import dev.panaformer.cli.drawing.Drawing;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import dev.panaformer.image.RgbImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Classifies images. */
@Command(
    name = "classify-image",
    description = "Print the labels of each image with their probabilities, the best first.")
public final class ClassifyImageCommand extends ImageCommand<ImageClassifier> {
  private static final int LABELS = 5;

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

  private record LabelledImage(String image, List<Label> labels) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.println(image);
      Labels.print(labels, out);
    }
  }

  public ClassifyImageCommand() {
    super("Classifying");
  }

  @Override
  void checkArguments() {
    UsageException.requirePositive("--top", top);
    requireOnePicture("--attention", attention);
  }

  @Override
  ImageClassifier load(Path model, ImageOptions options) throws IOException {
    return ImageClassifier.load(model, options);
  }

  @Override
  void evaluate(ImageClassifier classifier, Path file) throws IOException {
    RgbImage image = classifier.read(file);
    output().print(new LabelledImage(file.toString(), classifier.classify(image, top)));
    if (attention != null) {
      Drawing.write(Drawing.attention(image, classifier.attention(image)), attention);
    }
  }
}
