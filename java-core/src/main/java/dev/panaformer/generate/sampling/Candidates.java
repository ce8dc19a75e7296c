package dev.panaformer.generate.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.generate.NonFiniteLogitsException;
import java.lang.foreign.MemorySegment;

/**
 * The best tokens of some rows of logits, as {@code pf_top_k} finds them.
 *
 * @param values float32 {@code [rows, count]}, logits in descending order
 * @param ids int32 {@code [rows, count]}; -1 throughout a row that contains a NaN
 * @param logSumExp float32 {@code [rows]}, the log-sum-exp over the whole vocabulary of the logits
 *     times the row's inverse temperature; absent if no task needs it
 * @param count the number of tokens in each row
 */
public record Candidates(
    MemorySegment values, MemorySegment ids, MemorySegment logSumExp, int count) {

  /** The {@code i}-th largest logit of a row. */
  public float value(int row, int i) {
    return values.getAtIndex(JAVA_FLOAT, (long) row * count + i);
  }

  /** The token with the {@code i}-th largest logit of a row. */
  public int id(int row, int i) {
    return ids.getAtIndex(JAVA_INT, (long) row * count + i);
  }

  /** The log-sum-exp of a row. */
  public float logSumExp(int row) {
    return logSumExp.getAtIndex(JAVA_FLOAT, row);
  }

  /**
   * @param token the index of the new token, for the message
   */
  public void requireFinite(int row, int token) {
    float best = value(row, 0);
    if (!Float.isFinite(best)) {
      throw new NonFiniteLogitsException(token, best);
    }
  }
}
