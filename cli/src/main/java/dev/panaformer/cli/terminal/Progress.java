package dev.panaformer.cli.terminal;

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
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final String task;
  private final long steps;
  private final boolean printing;
  private final long start = System.nanoTime();
  private long done;
  private boolean decided;
  private ProgressBar bar;

  private Progress(String task, long steps, boolean printing) {
    this.task = task;
    this.steps = steps;
    this.printing = printing;
  }

  /**
   * Progress of silent work.
   *
   * @param steps how many there are, or -1 where only the end of the input will tell
   */
  public static Progress of(String task, long steps) {
    return new Progress(task, steps, false);
  }

  /**
   * Progress of work whose results go to stdout as they come: a terminal shows those, and a bar
   * among them would garble both.
   *
   * @param steps how many there are, or -1 where only the end of the input will tell
   */
  public static Progress printing(String task, long steps) {
    return new Progress(task, steps, true);
  }

  /** Tells that so many more steps are done. */
  public void advance(long count) {
    done += count;
    if (!decided && System.nanoTime() - start > PATIENCE.toNanos()) {
      decided = true;
      bar = printing && Terminal.isStdout() ? null : show();
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
