package dev.panaformer.bench.peer;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The peer ONNX Runtime with the same model file. A batch is padded to its longest sequence,
 * because the model's inputs are rectangular. The tensors of a batch are reused while the same
 * array is passed, so that their creation is not timed.
 */
public final class OnnxRuntimeMiniLm implements AutoCloseable {
  /** The settings of a session. All of them set the number of threads. */
  public enum Tuning {
    /** The default settings. */
    DEFAULT("default"),
    /** All graph optimisations, sequential execution, memory arena and memory pattern; spinning. */
    TUNED("tuned"),
    /** The tuned settings without spinning: workers park at once. */
    TUNED_WITHOUT_SPINNING("no spinning");

    private final String title;

    Tuning(String title) {
      this.title = title;
    }

    public String title() {
      return title;
    }

    /** The settings that differ with this number of threads. */
    public static List<Tuning> of(int threads) {
      return threads == 1 ? List.of(DEFAULT, TUNED) : List.of(values());
    }

    private SessionOptions options(int threads) throws OrtException {
      SessionOptions options = new SessionOptions();
      options.setIntraOpNumThreads(threads);
      if (this != DEFAULT) {
        options.setInterOpNumThreads(1);
        options.setExecutionMode(SessionOptions.ExecutionMode.SEQUENTIAL);
        options.setOptimizationLevel(SessionOptions.OptLevel.ALL_OPT);
        options.setCPUArenaAllocator(true);
        options.setMemoryPatternOptimization(true);
        options.addConfigEntry(
            "session.intra_op.allow_spinning", this == TUNED_WITHOUT_SPINNING ? "0" : "1");
        options.addConfigEntry("session.set_denormal_as_zero", "1");
      }
      return options;
    }
  }

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final Map<String, OnnxTensor> inputs = new HashMap<>();
  private int[][] held;

  public OnnxRuntimeMiniLm(Path folder, int threads, Tuning tuning) throws OrtException {
    try (SessionOptions options = tuning.options(threads)) {
      session = environment.createSession(folder.resolve("model.onnx").toString(), options);
    }
  }

  /**
   * The hidden states {@code [sequences, longest, 384]}. Pooling, which Panaformer's time includes,
   * is not done.
   */
  public FloatBuffer run(int[][] sequences) throws OrtException {
    if (sequences != held) {
      hold(sequences);
    }
    try (OrtSession.Result result = session.run(inputs)) {
      return ((OnnxTensor) result.get(0)).getFloatBuffer();
    }
  }

  private void hold(int[][] sequences) throws OrtException {
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
    release();
    inputs.put("input_ids", tensor(ids, shape));
    inputs.put("attention_mask", tensor(mask, shape));
    inputs.put("token_type_ids", tensor(new long[ids.length], shape));
    held = sequences;
  }

  private void release() {
    inputs.values().forEach(OnnxTensor::close);
    inputs.clear();
  }

  private OnnxTensor tensor(long[] values, long[] shape) throws OrtException {
    return OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape);
  }

  @Override
  public void close() throws OrtException {
    release();
    session.close();
  }
}
