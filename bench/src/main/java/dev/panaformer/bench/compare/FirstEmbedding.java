package dev.panaformer.bench.compare;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.panaformer.TextEmbedder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * The main class of one process of {@link Startup}: loads a model as a user would, and embeds one
 * text.
 */
public final class FirstEmbedding {
  static final String READY = "ready";
  static final String PANAFORMER = "panaformer";
  static final String ONNX_RUNTIME = "onnxruntime";
  private static final String TEXT = "The animal didn't cross the street because it was too tired.";

  private FirstEmbedding() {}

  /** Arguments: the side and the folder of the model. */
  public static void main(String[] arguments) throws IOException, OrtException {
    Path folder = Path.of(arguments[1]);
    switch (arguments[0]) {
      case PANAFORMER -> panaformer(folder);
      case ONNX_RUNTIME -> onnxRuntime(folder);
      default -> throw new IllegalArgumentException("side is " + arguments[0]);
    }
  }

  private static void panaformer(Path folder) throws IOException {
    try (TextEmbedder embedder = TextEmbedder.load(folder)) {
      report(embedder.embed(TEXT));
    }
  }

  private static void onnxRuntime(Path folder) throws IOException, OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (HuggingFaceTokenizer tokenizer =
            HuggingFaceTokenizer.newInstance(folder.resolve("tokenizer.json"));
        OrtSession session = environment.createSession(folder.resolve("model.onnx").toString())) {
      Encoding encoding = tokenizer.encode(TEXT);
      try (OnnxTensor ids = tensor(environment, encoding.getIds());
          OnnxTensor mask = tensor(environment, encoding.getAttentionMask());
          OnnxTensor types = tensor(environment, encoding.getTypeIds());
          OrtSession.Result result =
              session.run(
                  Map.of("input_ids", ids, "attention_mask", mask, "token_type_ids", types))) {
        report(normalizedMean(((float[][][]) result.get(0).getValue())[0], encoding));
      }
    }
  }

  private static OnnxTensor tensor(OrtEnvironment environment, long[] values) throws OrtException {
    return OnnxTensor.createTensor(environment, new long[][] {values});
  }

  private static float[] normalizedMean(float[][] hidden, Encoding encoding) {
    float[] sum = new float[hidden[0].length];
    for (int t = 0; t < hidden.length; t++) {
      for (int i = 0; i < sum.length && encoding.getAttentionMask()[t] != 0; i++) {
        sum[i] += hidden[t][i];
      }
    }
    double squares = 0;
    for (float value : sum) {
      squares += value * value;
    }
    for (int i = 0; i < sum.length; i++) {
      sum[i] /= (float) Math.sqrt(squares);
    }
    return sum;
  }

  /**
   * Prints the current time, the peak of resident memory in KiB, and a number for comparing the
   * sides.
   */
  private static void report(float[] embedding) throws IOException {
    System.out.println(READY);
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        System.out.println(line.replaceAll("\\D", "") + " " + embedding[0]);
      }
    }
  }
}
