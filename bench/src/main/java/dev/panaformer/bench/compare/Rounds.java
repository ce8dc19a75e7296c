package dev.panaformer.bench.compare;

import java.util.Arrays;
import java.util.List;

/**
 * Times several sides in one JVM. The sides take turns in each round, so that a slowdown of the
 * machine affects all of them.
 *
 * <p>A turn begins with a pause, in which threads that still spin after the previous turn park.
 * Then one untimed pass wakes the threads of the side. Both steps are the same for every side.
 */
final class Rounds {
  static final int COUNT = 11;
  private static final double TURN_SECONDS = 0.04;
  private static final double WARM_UP_SECONDS = 1;
  private static final int PAUSE_MILLISECONDS = 20;

  /** A pass that is timed. */
  interface Turn {
    void run() throws Exception;
  }

  private Rounds() {}

  /** The milliseconds of a pass, by side and round. */
  static double[][] measure(List<Turn> sides) throws Exception {
    int[] repeats = new int[sides.size()];
    for (int side = 0; side < repeats.length; side++) {
      repeats[side] = warmUp(sides.get(side));
    }
    double[][] times = new double[sides.size()][COUNT];
    for (int round = 0; round < COUNT; round++) {
      for (int side = 0; side < repeats.length; side++) {
        times[side][round] = milliseconds(sides.get(side), repeats[side]);
      }
    }
    return times;
  }

  /** Warms up a side and returns the number of passes in a turn. */
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

  /** The median over all rounds of the time of one side divided by the time of the other. */
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
