package dev.panaformer.cli;

import java.time.Duration;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * A progress bar on stderr for work that turns out to take longer than a second. Work that is
 * quicker never shows one. Where stderr is no terminal, the bar is a line every few seconds.
 */
public final class Progress implements AutoCloseable {
  private static final long UNKNOWN = -1;
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final String task;
  private final long steps;
  private final long start = System.nanoTime();
  private long done;
  private ProgressBar bar;

  private Progress(String task, long steps) {
    this.task = task;
    this.steps = steps;
  }

  /** Progress towards a known number of steps. */
  public static Progress of(String task, long steps) {
    return new Progress(task, steps);
  }

  /** Progress towards an end that only the input knows. */
  static Progress unbounded(String task) {
    return new Progress(task, UNKNOWN);
  }

  /** Tells that so many more steps are done. */
  public void advance(long count) {
    done += count;
    if (bar == null && System.nanoTime() - start > PATIENCE.toNanos()) {
      bar = show();
    }
    if (bar != null) {
      bar.stepTo(done);
    }
  }

  private ProgressBar show() {
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(steps)
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
