package dev.panaformer.bench.kernel;

import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
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
 * Benchmarks every kernel on one thread: in C, in plain Java, on the Vector API, and in the
 * library's own Java fallback, which sums in double. The Vector API runs without bounds checks, as
 * native code does.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0"
    })
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class KernelBenchmark {
  @Param({"minilm", "bert-base"})
  String shape;

  @Param({"32", "128"})
  int tokens;

  @Param({"native", "plain", "vector", "fallback"})
  String side;

  private KernelSide kernels;

  @Setup
  public void open() {
    KernelInputs inputs =
        switch (shape) {
          case "minilm" -> KernelInputs.miniLm(tokens);
          case "bert-base" -> KernelInputs.bertBase(tokens);
          default -> throw new IllegalArgumentException("shape is " + shape);
        };
    kernels =
        switch (side) {
          case "native" -> new OffHeapSide(NativeKernels.create(Isa.AUTO, 1), inputs);
          case "plain" -> new PlainJavaSide(inputs);
          case "vector" -> new VectorSide(inputs);
          case "fallback" -> new OffHeapSide(new JavaKernels(), inputs);
          default -> throw new IllegalArgumentException("side is " + side);
        };
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public void linear() {
    kernels.linear();
  }

  @Benchmark
  public void feedForward() {
    kernels.feedForward();
  }

  @Benchmark
  public void attention() {
    kernels.attention();
  }

  @Benchmark
  public void linformerAttention() {
    kernels.linformerAttention();
  }

  @Benchmark
  public void performerAttention() {
    kernels.performerAttention();
  }

  @Benchmark
  public void layerNorm() {
    kernels.layerNorm();
  }

  @Benchmark
  public void rmsNorm() {
    kernels.rmsNorm();
  }

  @Benchmark
  public void softmax() {
    kernels.softmax();
  }

  @Benchmark
  public void activation() {
    kernels.activate();
  }

  @Benchmark
  public void embedding() {
    kernels.embedding();
  }

  @Benchmark
  public void pool() {
    kernels.pool();
  }
}
