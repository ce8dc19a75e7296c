package dev.panaformer.bench.encoder;

import dev.panaformer.bench.model.MiniLmFolder;
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

/** Times {@link Bookkeeping} and the whole pass. Their quotient is the share of Java and FFM. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class OverheadBenchmark {
  @Param("32")
  int tokens;

  @Param({"1", "2"})
  int threads;

  private Bookkeeping model;

  @Setup
  public void load() {
    model = new Bookkeeping(MiniLmFolder.extract(), threads, tokens);
  }

  @TearDown
  public void unload() {
    model.close();
  }

  @Benchmark
  public float[] forward() {
    return model.forward();
  }

  @Benchmark
  public float[] withoutTokens() {
    return model.withoutTokens();
  }
}
