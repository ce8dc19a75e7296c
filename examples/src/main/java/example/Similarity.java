package example;

import dev.panaformer.TextEmbedder;
import java.nio.file.Path;
import java.util.List;

/** Prints how similar two texts are: {@code Similarity MODEL_FOLDER TEXT TEXT}. */
public final class Similarity {
  private Similarity() {}

  public static void main(String[] args) {
    try (TextEmbedder embedder = TextEmbedder.load(Path.of(args[0]))) {
      float[][] vectors = embedder.embedAll(List.of(args[1], args[2]));
      System.out.printf("cosine similarity %.3f%n", cosine(vectors[0], vectors[1]));
    }
  }

  private static double cosine(float[] a, float[] b) {
    double product = 0;
    double squaresOfA = 0;
    double squaresOfB = 0;
    for (int i = 0; i < a.length; i++) {
      product += a[i] * b[i];
      squaresOfA += a[i] * a[i];
      squaresOfB += b[i] * b[i];
    }
    return product / Math.sqrt(squaresOfA * squaresOfB);
  }
}
