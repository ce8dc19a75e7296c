package dev.panaformer.bench;

import ai.onnxruntime.OrtException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;

/**
 * The short form of {@link EncoderBenchmark}: both sides in one JVM, in turn, round by round, so
 * that a machine that slows down slows both. Prints medians and their ratio.
 */
public final class Compare {
  private static final int ROUNDS = 31;
  private static final double ROUND_SECONDS = 0.04;
  private static final int[] LENGTHS = {8, 16, 32, 64, 128, 256};

  private interface Pass {
    void run() throws OrtException;
  }

  private Compare() {}

  /** Arguments: the numbers of threads, 1 and 2 if there are none. */
  public static void main(String[] arguments) throws OrtException {
    int[] threads =
        arguments.length == 0
            ? new int[] {1, 2}
            : Arrays.stream(arguments).mapToInt(Integer::parseInt).toArray();
    Path onnx = MiniLm.extract();
    for (int count : threads) {
      compare(onnx, count);
    }
  }

  private static void compare(Path onnx, int threads) throws OrtException {
    try (MiniLm ours = new MiniLm(onnx, threads);
        OnnxRuntimeMiniLm peer = new OnnxRuntimeMiniLm(onnx, threads)) {
      System.out.println("all-MiniLM-L6-v2, float32, " + ours.description());
      System.out.println("input                 Panaformer   ONNX Runtime     ratio");
      double logarithms = 0;
      for (int length : LENGTHS) {
        int[][] batch = {Inputs.sequence(length, new Random(length))};
        logarithms += Math.log(row(length + " tokens", ours, peer, batch));
      }
      System.out.printf(
          Locale.ROOT, "%-18s %37.2fx%n", "geometric mean", Math.exp(logarithms / LENGTHS.length));
      row("8 mixed sentences", ours, peer, Inputs.mixed(8, 8));
      row("32 mixed sentences", ours, peer, Inputs.mixed(32, 32));
      System.out.println();
    }
  }

  private static double row(String name, MiniLm ours, OnnxRuntimeMiniLm peer, int[][] batch)
      throws OrtException {
    Pass a = () -> ours.embed(batch);
    Pass b = () -> peer.run(batch);
    int repeats = repeats(a);
    repeats(b);
    double[] times = new double[ROUNDS];
    double[] peers = new double[ROUNDS];
    double[] ratios = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      times[round] = milliseconds(a, repeats);
      peers[round] = milliseconds(b, repeats);
      ratios[round] = peers[round] / times[round];
    }
    double ratio = median(ratios);
    System.out.printf(
        Locale.ROOT,
        "%-18s %10.3f ms  %10.3f ms  %8.2fx%n",
        name,
        median(times),
        median(peers),
        ratio);
    return ratio;
  }

  /** Warms up, and says how many passes fill a round. */
  private static int repeats(Pass pass) throws OrtException {
    int count = 0;
    for (long end = System.nanoTime() + 500_000_000L; System.nanoTime() < end; count++) {
      pass.run();
    }
    return Math.max(1, (int) (count * ROUND_SECONDS / 0.5));
  }

  private static double milliseconds(Pass pass, int repeats) throws OrtException {
    long begin = System.nanoTime();
    for (int i = 0; i < repeats; i++) {
      pass.run();
    }
    return (System.nanoTime() - begin) * 1e-6 / repeats;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
