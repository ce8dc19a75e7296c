package dev.panaformer.bench.compare;

import dev.panaformer.TextEmbedder;
import dev.panaformer.bench.model.MiniLmFolder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Embeds many texts with all-MiniLM-L6-v2 on virtual threads, one thread for each text, beside a
 * ticker: another virtual thread that wants to run at fixed times. Prints how late the ticker was,
 * and the throughput in comparison with as many platform threads as the machine has processors.
 * Both sides take turns.
 *
 * <p>A tick that was missed counts as late until the ticker ran again.
 *
 * <p>{@code VirtualThreads [texts [words]]}; 1000 texts of 300 words by default
 */
public final class VirtualThreads {
  private static final int ROUNDS = 5;
  private static final long PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private VirtualThreads() {}

  /** Arguments: the number of texts, and the number of words in each. */
  public static void main(String[] arguments) throws Exception {
    int count = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 1000;
    int words = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 300;
    String text = "transformer ".repeat(words).strip();
    int processors = Runtime.getRuntime().availableProcessors();
    try (TextEmbedder embedder = TextEmbedder.load(MiniLmFolder.extract())) {
      System.out.printf(
          Locale.ROOT,
          "%d texts of %d tokens, %d rounds, medians; %s%n",
          count,
          embedder.tokenize(text).length,
          ROUNDS,
          embedder.description());
      run(embedder, text, count / 4, Executors.newFixedThreadPool(processors));
      run(embedder, text, count / 4, Executors.newVirtualThreadPerTaskExecutor());
      double[] platform = new double[ROUNDS];
      double[] virtual = new double[ROUNDS];
      List<long[]> lateness = new ArrayList<>();
      for (int round = 0; round < ROUNDS; round++) {
        platform[round] = run(embedder, text, count, Executors.newFixedThreadPool(processors));
        try (Ticker ticker = new Ticker()) {
          virtual[round] = run(embedder, text, count, Executors.newVirtualThreadPerTaskExecutor());
          lateness.add(ticker.stop());
        }
      }
      System.out.printf(
          Locale.ROOT,
          "texts per second: %.1f on %d platform threads, %.1f on virtual threads, %.2fx%n",
          Rounds.median(platform),
          processors,
          Rounds.median(virtual),
          Rounds.ratio(virtual, platform));
      System.out.printf(
          Locale.ROOT,
          "a tick every 10 ms is late by ms: %.1f p50, %.1f p99, %.1f at most (worst %.1f p99)%n",
          median(lateness, 0.5),
          median(lateness, 0.99),
          median(lateness, 1),
          lateness.stream().mapToDouble(late -> quantile(late, 0.99)).max().orElseThrow());
    }
  }

  /** Returns the texts per second. */
  private static double run(TextEmbedder embedder, String text, int count, ExecutorService executor)
      throws Exception {
    long begin = System.nanoTime();
    List<Future<float[]>> vectors = new ArrayList<>();
    try (executor) {
      for (int i = 0; i < count; i++) {
        vectors.add(executor.submit(() -> embedder.embed(text)));
      }
      for (Future<float[]> vector : vectors) {
        vector.get();
      }
    }
    return count * 1e9 / (System.nanoTime() - begin);
  }

  private static double median(List<long[]> rounds, double quantile) {
    return Rounds.median(rounds.stream().mapToDouble(late -> quantile(late, quantile)).toArray());
  }

  private static double quantile(long[] sorted, double quantile) {
    return sorted[(int) Math.ceil(quantile * sorted.length) - 1] * 1e-6;
  }

  /** A virtual thread that wants to run at fixed times. */
  private static final class Ticker implements AutoCloseable {
    private final List<Long> lateness = new ArrayList<>();
    private final long begin = System.nanoTime();
    private final Thread thread = Thread.ofVirtual().start(this::tick);
    private volatile boolean stopped;

    private void tick() {
      for (long due = begin + PERIOD_NANOS; ; ) {
        try {
          Thread.sleep(Math.max(1, (due - System.nanoTime()) / 1_000_000));
        } catch (InterruptedException e) {
          // Ticks for the last time.
        }
        for (long now = System.nanoTime(); due <= now; due += PERIOD_NANOS) {
          lateness.add(now - due);
        }
        if (stopped) {
          return;
        }
      }
    }

    /** Stops, and returns by how many nanoseconds each tick was late, in ascending order. */
    long[] stop() throws InterruptedException {
      stopped = true;
      thread.interrupt();
      thread.join();
      return lateness.stream().mapToLong(Long::longValue).sorted().toArray();
    }

    @Override
    public void close() {
      stopped = true;
      thread.interrupt();
    }
  }
}
