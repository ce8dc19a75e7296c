package dev.panaformer.bench.compare;

import dev.panaformer.ModelOptions;
import dev.panaformer.TextEmbedder;
import dev.panaformer.bench.encoder.Bookkeeping;
import dev.panaformer.bench.encoder.EncoderBenchmark;
import dev.panaformer.bench.encoder.TokenIds;
import dev.panaformer.bench.model.MiniLmFolder;
import dev.panaformer.bench.peer.OnnxRuntimeMiniLm;
import dev.panaformer.bench.peer.OnnxRuntimeMiniLm.Tuning;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Compares all-MiniLM-L6-v2 with ONNX Runtime. This is the short form of {@link EncoderBenchmark}:
 * {@link Rounds} times all sides in one JVM. Prints medians and their ratios to Panaformer.
 *
 * <p>{@code CompareEncoder [threads…]}
 */
public final class CompareEncoder {
  private static final int OVERHEAD_TOKENS = 32;
  private static final List<String> LENGTHS = List.of("8", "16", "32", "64", "128", "256");
  private static final List<String> MIXED = List.of("mixed-8", "mixed-32");

  /** A forward pass of one side over a batch. */
  interface Pass {
    void run(int[][] batch) throws Exception;
  }

  private CompareEncoder() {}

  /** Arguments: the numbers of threads; 1 and 2 by default. */
  public static void main(String[] arguments) throws Exception {
    int[] threads = ThreadArguments.parse(arguments);
    Path folder = MiniLmFolder.extract();
    for (int count : threads) {
      compare(folder, count);
      overhead(folder, count);
    }
  }

  private static void compare(Path folder, int threads) throws Exception {
    List<Tuning> tunings = Tuning.of(threads);
    List<OnnxRuntimeMiniLm> peers = new ArrayList<>();
    try (TextEmbedder ours = TextEmbedder.load(folder, ModelOptions.DEFAULT.withThreads(threads))) {
      List<Pass> sides = new ArrayList<>();
      sides.add(pass(ours));
      for (Tuning tuning : tunings) {
        OnnxRuntimeMiniLm peer = new OnnxRuntimeMiniLm(folder, threads, tuning);
        peers.add(peer);
        sides.add(peer::run);
      }
      System.out.println("all-MiniLM-L6-v2, float32, ms; " + ours.description());
      header(tunings);
      double[] logarithms = new double[tunings.size()];
      for (String length : LENGTHS) {
        double[] ratios = row(length + " tokens", sides, TokenIds.named(length));
        for (int i = 0; i < ratios.length; i++) {
          logarithms[i] += Math.log(ratios[i]) / LENGTHS.size();
        }
      }
      System.out.printf("%-18s %10s", "geometric mean", "");
      for (double logarithm : logarithms) {
        System.out.printf(Locale.ROOT, "%12s %5.2fx", "", Math.exp(logarithm));
      }
      System.out.println();
      for (String mixed : MIXED) {
        row(mixed, sides, TokenIds.named(mixed));
      }
    } finally {
      for (OnnxRuntimeMiniLm peer : peers) {
        peer.close();
      }
    }
  }

  /** Panaformer's side. A single sequence is written to a given array, as a service would do it. */
  static Pass pass(TextEmbedder embedder) {
    float[] vector = new float[embedder.dimension()];
    return batch -> {
      if (batch.length == 1) {
        embedder.embed(batch[0], vector);
      } else {
        embedder.embedAll(batch);
      }
    };
  }

  private static void header(List<Tuning> tunings) {
    System.out.printf("%-18s %10s", "input", "Panaformer");
    for (Tuning tuning : tunings) {
      System.out.printf("%19s", "ORT " + tuning.title());
    }
    System.out.println();
  }

  /** Prints a row. Returns the time of each peer divided by Panaformer's time. */
  private static double[] row(String name, List<Pass> sides, int[][] batch) throws Exception {
    double[][] times =
        Rounds.measure(sides.stream().map(side -> (Rounds.Turn) () -> side.run(batch)).toList());
    double[] ratios = new double[sides.size() - 1];
    System.out.printf(Locale.ROOT, "%-18s %10.3f", name, Rounds.median(times[0]));
    for (int side = 1; side < sides.size(); side++) {
      ratios[side - 1] = Rounds.ratio(times[side], times[0]);
      System.out.printf(Locale.ROOT, "%12.3f %5.2fx", Rounds.median(times[side]), ratios[side - 1]);
    }
    System.out.println();
    return ratios;
  }

  private static void overhead(Path folder, int threads) throws Exception {
    try (Bookkeeping model = new Bookkeeping(folder, threads, OVERHEAD_TOKENS)) {
      double[][] times = Rounds.measure(List.of(model::forward, model::withoutTokens));
      double whole = Rounds.median(times[0]);
      double empty = Rounds.median(times[1]);
      System.out.printf(
          Locale.ROOT,
          "Java and FFM in a pass of %d tokens: %.1f of %.1f us, %.2f %%%n%n",
          OVERHEAD_TOKENS,
          1000 * empty,
          1000 * whole,
          100 * empty / whole);
    }
  }
}
