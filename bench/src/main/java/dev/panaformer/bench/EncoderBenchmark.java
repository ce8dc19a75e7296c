package dev.panaformer.bench;

import ai.onnxruntime.OrtException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Random;
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

/** all-MiniLM-L6-v2 at batch 1, float32: ours with pooling, ONNX Runtime's hidden states. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class EncoderBenchmark {
  @Param({"8", "16", "32", "64", "128", "256"})
  int tokens;

  @Param({"1", "2"})
  int threads;

  private MiniLm ours;
  private OnnxRuntimeMiniLm peer;
  private int[][] batch;

  @Setup
  public void load() throws OrtException {
    Path onnx = MiniLm.extract();
    ours = new MiniLm(onnx, threads);
    peer = new OnnxRuntimeMiniLm(onnx, threads);
    batch = new int[][] {Inputs.sequence(tokens, new Random(tokens))};
  }

  @TearDown
  public void unload() throws OrtException {
    ours.close();
    peer.close();
  }

  @Benchmark
  public MemorySegment panaformer() {
    return ours.embed(batch);
  }

  @Benchmark
  public float[] onnxRuntime() throws OrtException {
    return peer.run(batch);
  }
}
