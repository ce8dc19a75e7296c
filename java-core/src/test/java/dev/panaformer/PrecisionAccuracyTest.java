package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import dev.panaformer.kernel.linear.WeightFormat;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The real all-MiniLM-L6-v2 in low precision against itself in float32, over the reference's
 * sentences and some thousand of our own: no vector may point elsewhere.
 */
class PrecisionAccuracyTest {
  private static final int GENERATED = 3000;

  @TempDir static Path folder;
  private static List<String> texts;
  private static float[][] exact;

  @BeforeAll
  static void embedInFloat32() throws Exception {
    copy("/all-minilm-l6-v2.onnx", "model.onnx");
    copy("/all-minilm-l6-v2-tokenizer.json", "tokenizer.json");
    texts = new ArrayList<>();
    JsonParser.parseString(
            Files.readString(Path.of("src/test/resources/golden/minilm/sentences.json")))
        .getAsJsonArray()
        .forEach(sentence -> texts.add(sentence.getAsString()));
    texts.addAll(Sentences.generate(GENERATED));
    exact = embed(WeightFormat.FP32);
  }

  private static void copy(String resource, String name) throws Exception {
    try (InputStream in = PrecisionAccuracyTest.class.getResourceAsStream(resource)) {
      Files.copy(in, folder.resolve(name));
    }
  }

  private static float[][] embed(WeightFormat precision) {
    try (TextEmbedder embedder =
        TextEmbedder.load(folder, ModelOptions.DEFAULT.withPrecision(precision))) {
      return embedder.embedAll(texts);
    }
  }

  @ParameterizedTest
  @CsvSource({"BF16, 0.9999", "INT8, 0.995", "INT4, 0.9", "INT4_128, 0.8"})
  void noVectorPointsElsewhere(WeightFormat precision, double least) {
    float[][] vectors = embed(precision);
    double minimum = 1;
    int worst = 0;
    for (int i = 0; i < vectors.length; i++) {
      double cosine = cosine(vectors[i], exact[i]);
      if (!(cosine >= minimum)) {
        minimum = cosine;
        worst = i;
      }
    }
    String text = texts.get(worst);
    double found = minimum;
    assertTrue(minimum >= least, () -> precision + ": cosine " + found + " of \"" + text + "\"");
  }

  private static double cosine(float[] a, float[] b) {
    double product = 0;
    double squaresA = 0;
    double squaresB = 0;
    for (int i = 0; i < a.length; i++) {
      product += (double) a[i] * b[i];
      squaresA += (double) a[i] * a[i];
      squaresB += (double) b[i] * b[i];
    }
    return product / Math.sqrt(squaresA * squaresB);
  }
}
