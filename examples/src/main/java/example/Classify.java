package example;

import dev.panaformer.ImageClassifier;
import dev.panaformer.Label;
import java.nio.file.Path;

/** Prints the best labels of an image: {@code Classify MODEL_FOLDER IMAGE}. */
public final class Classify {
  private Classify() {}

  public static void main(String[] args) {
    try (ImageClassifier model = ImageClassifier.load(Path.of(args[0]))) {
      for (Label label : model.classify(Path.of(args[1]), 3)) {
        System.out.printf("%5.1f %%  %s%n", 100 * label.score(), label.label());
      }
    }
  }
}
