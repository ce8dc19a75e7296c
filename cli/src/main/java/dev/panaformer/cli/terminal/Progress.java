package dev.panaformer.cli.terminal;

import java.time.Duration;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * A progress bar on stderr. It appears only if the work takes longer than a second. If stderr is
 * not a terminal, a line is printed every few seconds instead.
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
   * Progress of work that prints nothing meanwhile.
   *
   * @param steps how many there are, or -1 if only the end of the input will tell
   */
  public static Progress of(String task, long steps) {
    return new Progress(task, steps, false);
  }

  /**
   * Progress of work that prints its results to stdout as they come. If stdout is a terminal, no
   * bar is shown, since it would be mixed up with the results.
   *
   * @param steps how many there are, or -1 if only the end of the input will tell
   */
  public static Progress printing(String task, long steps) {
    return new Progress(task, steps, true);
  }

  /** Adds to the number of steps that are done. */
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
