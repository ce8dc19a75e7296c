package dev.panaformer.bench;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The peer: the same file in ONNX Runtime, with its default options (all graph optimisations) and
 * the number of threads set. A batch is padded to its longest sequence, as its interface demands.
 */
final class OnnxRuntimeMiniLm implements AutoCloseable {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;

  OnnxRuntimeMiniLm(Path onnx, int threads) throws OrtException {
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setIntraOpNumThreads(threads);
    options.setInterOpNumThreads(1);
    options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
    session = environment.createSession(onnx.toString(), options);
  }

  /** The hidden states {@code [sequences, longest, 384]}, without the pooling that we include. */
  float[] run(int[][] sequences) throws OrtException {
    int longest = 0;
    for (int[] ids : sequences) {
      longest = Math.max(longest, ids.length);
    }
    long[] shape = {sequences.length, longest};
    long[] ids = new long[sequences.length * longest];
    long[] mask = new long[ids.length];
    for (int s = 0; s < sequences.length; s++) {
      for (int t = 0; t < sequences[s].length; t++) {
        ids[s * longest + t] = sequences[s][t];
        mask[s * longest + t] = 1;
      }
    }
    Map<String, OnnxTensor> inputs = new HashMap<>();
    try {
      inputs.put("input_ids", tensor(ids, shape));
      inputs.put("attention_mask", tensor(mask, shape));
      inputs.put("token_type_ids", tensor(new long[ids.length], shape));
      try (OrtSession.Result result = session.run(inputs)) {
        float[] values = new float[1];
        ((OnnxTensor) result.get(0)).getFloatBuffer().get(values);
        return values;
      }
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
  }

  private OnnxTensor tensor(long[] values, long[] shape) throws OrtException {
    return OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape);
  }

  @Override
  public void close() throws OrtException {
    session.close();
  }
}
