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
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The short form of {@link EncoderBenchmark}: all sides in one JVM, in turn, round by round, so
 * that a machine that slows down slows all of them. Prints medians and ratios to ours.
 *
 * <p>A turn begins with a pause, in which threads that spin after the turn before give up and park,
 * and with a pass that is not timed, which wakes the side's own: the same for every side.
 */
public final class Compare {
  static final int ROUNDS = 11;
  private static final double TURN_SECONDS = 0.04;
  private static final double WARM_UP_SECONDS = 1;
  private static final int PAUSE_MILLISECONDS = 20;
  private static final int OVERHEAD_TOKENS = 32;
  private static final List<String> LENGTHS = List.of("8", "16", "32", "64", "128", "256");
  private static final List<String> MIXED = List.of("mixed-8", "mixed-32");

  /** A pass of one side over a batch. */
  interface Pass {
    void run(int[][] batch) throws Exception;
  }

  /** What is timed. */
  interface Turn {
    void run() throws Exception;
  }

  private Compare() {}

  /** Arguments: the numbers of threads, 1 and 2 if there are none. */
  public static void main(String[] arguments) throws Exception {
    int[] threads = threads(arguments);
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

  /** Ours, for one sequence writing where it is told, as a service would. */
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

  /** Prints a row; gives how many times as long each peer takes as we do. */
  private static double[] row(String name, List<Pass> sides, int[][] batch) throws Exception {
    double[][] times = rounds(sides.stream().map(side -> (Turn) () -> side.run(batch)).toList());
    double[] ratios = new double[sides.size() - 1];
    System.out.printf(Locale.ROOT, "%-18s %10.3f", name, median(times[0]));
    for (int side = 1; side < sides.size(); side++) {
      ratios[side - 1] = ratio(times[side], times[0]);
      System.out.printf(Locale.ROOT, "%12.3f %5.2fx", median(times[side]), ratios[side - 1]);
    }
    System.out.println();
    return ratios;
  }

  /** Milliseconds of a pass, by side and round. */
  static double[][] rounds(List<Turn> sides) throws Exception {
    int[] repeats = new int[sides.size()];
    for (int side = 0; side < repeats.length; side++) {
      repeats[side] = warmUp(sides.get(side));
    }
    double[][] times = new double[sides.size()][ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      for (int side = 0; side < repeats.length; side++) {
        times[side][round] = milliseconds(sides.get(side), repeats[side]);
      }
    }
    return times;
  }

  /** Says how many passes fill a turn. */
  private static int warmUp(Turn side) throws Exception {
    int count = 0;
    long end = System.nanoTime() + (long) (WARM_UP_SECONDS * 1e9);
    for (; System.nanoTime() < end; count++) {
      side.run();
    }
    return Math.max(1, (int) (count * TURN_SECONDS / WARM_UP_SECONDS));
  }

  private static double milliseconds(Turn side, int repeats) throws Exception {
    Thread.sleep(PAUSE_MILLISECONDS);
    side.run();
    long begin = System.nanoTime();
    for (int i = 0; i < repeats; i++) {
      side.run();
    }
    return (System.nanoTime() - begin) * 1e-6 / repeats;
  }

  private static void overhead(Path folder, int threads) throws Exception {
    try (Bookkeeping model = new Bookkeeping(folder, threads, OVERHEAD_TOKENS)) {
      double[][] times = rounds(List.of(model::forward, model::withoutTokens));
      double whole = median(times[0]);
      double empty = median(times[1]);
      System.out.printf(
          Locale.ROOT,
          "Java and FFM in a pass of %d tokens: %.1f of %.1f us, %.2f %%%n%n",
          OVERHEAD_TOKENS,
          1000 * empty,
          1000 * whole,
          100 * empty / whole);
    }
  }

  /** Numbers of threads: 1 and 2 if there are no arguments; what is no such number ends the JVM. */
  static int[] threads(String... arguments) {
    for (String argument : arguments) {
      if (!argument.matches("[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-6]")) {
        refuse("what is " + argument + "? Numbers of threads are 1 to 256\n");
      }
    }
    return arguments.length == 0
        ? new int[] {1, 2}
        : Arrays.stream(arguments).mapToInt(Integer::parseInt).toArray();
  }

  /** Ends the JVM with a sentence, as the command line does. */
  static void refuse(String why) {
    System.err.print("panaformer: " + why);
    System.exit(2);
  }

  /** The median of how many times as long one side takes, round by round. */
  static double ratio(double[] longer, double[] shorter) {
    double[] ratios = new double[longer.length];
    Arrays.setAll(ratios, i -> longer[i] / shorter[i]);
    return median(ratios);
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
