package dev.panaformer.bench.peer;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.TensorInfo;
import dev.panaformer.bench.model.Gpt2;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The peer ONNX Runtime with GPT-2. Decodes greedily; the keys and values that one run outputs are
 * inputs of the next run.
 */
public final class OnnxRuntimeGpt2 implements AutoCloseable {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;

  public OnnxRuntimeGpt2(Path folder, int threads) throws OrtException {
    try (SessionOptions options = new SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setOptimizationLevel(SessionOptions.OptLevel.ALL_OPT);
      options.addConfigEntry("session.set_denormal_as_zero", "1");
      session = environment.createSession(folder.resolve("model.onnx").toString(), options);
    }
  }

  /**
   * Reads a prompt and continues it.
   *
   * @return the seconds up to the first token, and the seconds from the first to the last token
   */
  public double[] generate(int[] prompt, int newTokens) throws OrtException {
    long begin = System.nanoTime();
    long first = begin;
    OrtSession.Result past = null;
    try {
      int[] ids = prompt;
      for (int i = 0, length = 0; i < newTokens; i++) {
        OrtSession.Result result = run(ids, length, past);
        length += ids.length;
        ids = new int[] {best((OnnxTensor) result.get("logits").orElseThrow())};
        if (past != null) {
          past.close();
        }
        past = result;
        first = i == 0 ? System.nanoTime() : first;
      }
    } finally {
      if (past != null) {
        past.close();
      }
    }
    return new double[] {(first - begin) * 1e-9, (System.nanoTime() - first) * 1e-9};
  }

  private OrtSession.Result run(int[] ids, int past, OrtSession.Result state) throws OrtException {
    Map<String, OnnxTensorLike> inputs = new HashMap<>();
    Map<String, OnnxTensor> own = new HashMap<>();
    try {
      long[] tokens = new long[ids.length];
      long[] positions = new long[ids.length];
      for (int i = 0; i < ids.length; i++) {
        tokens[i] = ids[i];
        positions[i] = past + i;
      }
      long[] mask = new long[past + ids.length];
      Arrays.fill(mask, 1);
      own.put("input_ids", row(tokens));
      own.put("position_ids", row(positions));
      own.put("attention_mask", row(mask));
      for (int layer = 0; layer < Gpt2.LAYERS; layer++) {
        for (String part : new String[] {"key", "value"}) {
          String name = "past." + layer + "." + part;
          if (state == null) {
            long[] empty = {1, Gpt2.HEADS, 0, Gpt2.HEAD_DIM};
            own.put(name, OnnxTensor.createTensor(environment, FloatBuffer.allocate(0), empty));
          } else {
            inputs.put(name, (OnnxTensor) state.get("present." + layer + "." + part).orElseThrow());
          }
        }
      }
      inputs.putAll(own);
      return session.run(inputs);
    } finally {
      own.values().forEach(OnnxTensor::close);
    }
  }

  private OnnxTensor row(long[] values) throws OrtException {
    long[] shape = {1, values.length};
    return OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape);
  }

  private static int best(OnnxTensor logits) {
    long[] shape = ((TensorInfo) logits.getInfo()).getShape();
    FloatBuffer values = logits.getFloatBuffer();
    int start = (int) ((shape[shape.length - 2] - 1) * Gpt2.VOCAB);
    int best = 0;
    for (int i = 1; i < Gpt2.VOCAB; i++) {
      best = values.get(start + i) > values.get(start + best) ? i : best;
    }
    return best;
  }

  @Override
  public void close() throws OrtException {
    session.close();
  }
}
