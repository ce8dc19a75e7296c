package dev.panaformer.bench.encoder;

import ai.onnxruntime.OrtException;
import dev.panaformer.ModelOptions;
import dev.panaformer.TextEmbedder;
import dev.panaformer.bench.model.MiniLmFolder;
import dev.panaformer.bench.peer.OnnxRuntimeMiniLm;
import dev.panaformer.bench.peer.OnnxRuntimeMiniLm.Tuning;
import java.nio.FloatBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Benchmarks all-MiniLM-L6-v2 in float32, from ids: to pooled embeddings with Panaformer, to hidden
 * states with ONNX Runtime. Each side has its own JVMs, so that spinning threads of one side do not
 * disturb the other.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class EncoderBenchmark {

  /**
   * A batch of one sequence with a given number of tokens, or a mixed batch with a given number of
   * sequences.
   */
  @State(Scope.Benchmark)
  public static class Batch {
    @Param({"8", "16", "32", "64", "128", "256", "mixed-8", "mixed-32"})
    String input;

    @Param({"1", "2"})
    int threads;

    int[][] ids;

    @Setup
    public void make() {
      ids = TokenIds.named(input);
    }
  }

  /** Panaformer's side. A single sequence is written to a given array, as a service would do it. */
  @State(Scope.Benchmark)
  public static class Panaformer {
    private TextEmbedder embedder;
    private float[] vector;

    @Setup
    public void load(Batch batch) {
      embedder =
          TextEmbedder.load(
              MiniLmFolder.extract(), ModelOptions.DEFAULT.withThreads(batch.threads));
      vector = new float[embedder.dimension()];
    }

    Object embed(int[][] ids) {
      if (ids.length > 1) {
        return embedder.embedAll(ids);
      }
      embedder.embed(ids[0], vector);
      return vector;
    }

    @TearDown
    public void unload() {
      embedder.close();
    }
  }

  /** The peer. */
  @State(Scope.Benchmark)
  public static class OnnxRuntime {
    @Param({"DEFAULT", "TUNED", "TUNED_WITHOUT_SPINNING"})
    String tuning;

    private OnnxRuntimeMiniLm model;

    @Setup
    public void load(Batch batch) throws OrtException {
      model = new OnnxRuntimeMiniLm(MiniLmFolder.extract(), batch.threads, Tuning.valueOf(tuning));
    }

    @TearDown
    public void unload() throws OrtException {
      model.close();
    }
  }

  @Benchmark
  public Object panaformer(Panaformer side, Batch batch) {
    return side.embed(batch.ids);
  }

  @Benchmark
  public FloatBuffer onnxRuntime(OnnxRuntime side, Batch batch) throws OrtException {
    return side.model.run(batch.ids);
  }
}
