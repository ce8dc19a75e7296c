package dev.panaformer.cli.terminal;

import java.time.Duration;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * A progress bar on stderr: the share that is done, and the time that it took and will take. It
 * appears only if the work takes longer than a second. If stderr is not a terminal, a line is
 * printed every few seconds instead.
 */
public final class Progress implements AutoCloseable {
  /** The extent of work whose end is not known. */
  public static final long UNKNOWN = -1;

  /** What is counted. */
  public enum Unit {
    ITEMS("", 1),
    BYTES(" kB", 1000);

    private final String name;
    private final long size;

    Unit(String name, long size) {
      this.name = name;
      this.size = size;
    }
  }

  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final String task;
  private final Unit unit;
  private final boolean printing;
  private final long start = System.nanoTime();
  private String step = "";
  private long total;
  private long done;
  private boolean decided;
  private ProgressBar bar;

  private Progress(String task, Unit unit, long total, boolean printing) {
    this.task = task;
    this.unit = unit;
    this.total = total;
    this.printing = printing;
  }

  /**
   * Progress of work that prints nothing meanwhile.
   *
   * @param total how many items there are, or {@link #UNKNOWN}
   */
  public static Progress of(String task, long total) {
    return new Progress(task, Unit.ITEMS, total, false);
  }

  /**
   * Progress of work that prints nothing meanwhile and that is counted in bytes, by {@link #at}.
   */
  public static Progress ofBytes(String task) {
    return new Progress(task, Unit.BYTES, UNKNOWN, false);
  }

  /**
   * Progress of work that prints its results to stdout as they come. If stdout is a terminal, no
   * bar is shown, since it would be mixed up with the results.
   *
   * @param total how much there is, or {@link #UNKNOWN}
   */
  public static Progress printing(String task, Unit unit, long total) {
    return new Progress(task, unit, total, true);
  }

  /** Adds to the number of items that are done. */
  public void advance(long count) {
    at(done + count, total);
  }

  /** Says what is done at the moment, how much of it, and of how much. */
  public void at(String step, long done, long total) {
    this.step = step;
    at(done, total);
  }

  /** Says how much is done, and of how much. */
  public void at(long done, long total) {
    this.done = done;
    this.total = total;
    if (!decided && System.nanoTime() - start > PATIENCE.toNanos()) {
      decided = true;
      bar = printing && Terminal.isStdout() ? null : show();
    }
    if (bar != null) {
      bar.setExtraMessage(step);
      bar.maxHint(total);
      bar.stepTo(done);
    }
  }

  private ProgressBar show() {
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setUnit(unit.name, unit.size)
            .setInitialMax(total)
            .startsFrom(0, Duration.ofNanos(System.nanoTime() - start));
    if (Terminal.isStderr()) {
      builder.setStyle(ProgressBarStyle.COLORFUL_UNICODE_BLOCK).setUpdateIntervalMillis(200);
    } else {
      builder
          .setStyle(ProgressBarStyle.ASCII)
          .setUpdateIntervalMillis(5000)
          .setConsumer(new DelegatingProgressBarConsumer(System.err::println, 80));
    }
    return builder.build();
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
