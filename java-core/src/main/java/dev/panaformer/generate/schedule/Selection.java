package dev.panaformer.generate.schedule;

import dev.panaformer.generate.sampling.Candidates;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Passes the output of a pass to its tasks. Tasks that need only the best tokens get them directly
 * from the kernel. The others get logits, which are computed for a bounded number of rows at a
 * time.
 */
final class Selection {
  /** The number of rows whose logits are in memory at the same time. It bounds the memory. */
  private static final int LOGIT_ROWS = 32;

  private final Decoder decoder;

  Selection(Decoder decoder) {
    this.decoder = decoder;
  }

  /** Consecutive rows of a task; {@code token} is the index in the pass of the first one. */
  private record Wanted(Task task, int token, int rows) {}

  /** The rows of a pass whose output the tasks need. */
  static int[] rows(List<Task> planned) {
    IntStream.Builder rows = IntStream.builder();
    int end = 0;
    for (Task task : planned) {
      end += task.planned();
      IntStream.range(end - task.rows(), end).forEach(rows);
    }
    return rows.build().toArray();
  }

  /**
   * Continues every task that needs output of the pass.
   *
   * @param planned the tasks in the order in which they added their tokens
   */
  void choose(List<Task> planned) {
    List<Wanted> fused = new ArrayList<>();
    List<Wanted> unfused = new ArrayList<>();
    int end = 0;
    for (Task task : planned) {
      end += task.planned();
      int rows = task.rows();
      if (rows > 0 && !task.needsLogits()) {
        fused.add(new Wanted(task, end - rows, rows));
      } else {
        int most = task.divisible() ? LOGIT_ROWS : Math.max(rows, 1);
        for (int token = end - rows; token < end; token += most) {
          unfused.add(new Wanted(task, token, Math.min(most, end - token)));
        }
      }
    }
    if (!fused.isEmpty()) {
      unfused.addAll(chooseFused(fused));
    }
    List<Wanted> group = new ArrayList<>();
    int rows = 0;
    for (Wanted wanted : unfused) {
      if (rows > 0 && rows + wanted.rows > LOGIT_ROWS) {
        chooseByLogits(group);
        group.clear();
        rows = 0;
      }
      group.add(wanted);
      rows += wanted.rows;
    }
    if (rows > 0) {
      chooseByLogits(group);
    }
  }

  /** Returns the tasks for which the candidates do not suffice. */
  private List<Wanted> chooseFused(List<Wanted> group) {
    List<Wanted> undecided = new ArrayList<>();
    try {
      int[] tokens = tokens(group);
      Candidates candidates =
          group.stream().anyMatch(wanted -> wanted.task.needsSums())
              ? decoder.best(tokens, tokens.length, candidates(group), inverseTemperatures(group))
              : decoder.best(tokens, tokens.length, candidates(group));
      int row = 0;
      for (Wanted wanted : group) {
        int first = row;
        wanted.task.guard(() -> {
          if (!wanted.task.accept(candidates, first, wanted.rows, null, 0)) {
            undecided.add(wanted);
          }
        });
        row += wanted.rows;
      }
    } catch (RuntimeException e) {
      group.forEach(wanted -> wanted.task.fail(e));
    }
    return undecided;
  }

  private void chooseByLogits(List<Wanted> group) {
    try {
      int[] tokens = tokens(group);
      int rows = tokens.length;
      MemorySegment logits = decoder.logits(tokens, rows);
      if (group.stream().anyMatch(wanted -> wanted.task.adjusts())) {
        adjust(group, logits, rows);
      }
      Candidates candidates =
          decoder.best(logits, rows, candidates(group), inverseTemperatures(group));
      int row = 0;
      for (Wanted wanted : group) {
        int first = row;
        long offset = (long) row * decoder.vocabulary();
        wanted.task.guard(() -> wanted.task.accept(candidates, first, wanted.rows, logits, offset));
        row += wanted.rows;
      }
    } catch (RuntimeException e) {
      group.forEach(wanted -> wanted.task.fail(e));
    }
  }

  private void adjust(List<Wanted> group, MemorySegment logits, int rows) {
    float[] ones = new float[rows];
    Arrays.fill(ones, 1);
    Candidates best = decoder.best(logits, rows, 1, ones);
    float[] sums = new float[rows];
    for (int i = 0; i < rows; i++) {
      sums[i] = best.logSumExp(i);
    }
    int row = 0;
    for (Wanted wanted : group) {
      if (wanted.task.adjusts()) {
        long offset = (long) row * decoder.vocabulary();
        int first = row;
        wanted.task.guard(() -> wanted.task.adjust(logits, offset, sums, first));
      }
      row += wanted.rows;
    }
  }

  private static int[] tokens(List<Wanted> group) {
    int[] tokens = new int[group.stream().mapToInt(Wanted::rows).sum()];
    int row = 0;
    for (Wanted wanted : group) {
      for (int i = 0; i < wanted.rows; i++) {
        tokens[row++] = wanted.token + i;
      }
    }
    return tokens;
  }

  private static float[] inverseTemperatures(List<Wanted> group) {
    float[] values = new float[group.stream().mapToInt(Wanted::rows).sum()];
    int row = 0;
    for (Wanted wanted : group) {
      for (int i = 0; i < wanted.rows; i++) {
        values[row++] = wanted.task.inverseTemperature();
      }
    }
    return values;
  }

  private static int candidates(List<Wanted> group) {
    return group.stream().mapToInt(wanted -> wanted.task.candidates()).max().orElseThrow();
  }
}
