package dev.panaformer.kernel.decoding;

import java.lang.foreign.MemorySegment;

/**
 * A bias on the scaled scores of causal attention. It depends on how far a key lies before its
 * query, as in T5 (Raffel et al. 2020).
 *
 * @param table {@code [heads, distances]}; keys farther away than the last distance get that one's
 * @param distances how many there are, from 0; 0 with an absent table
 */
public record DistanceBias(MemorySegment table, long distances) {
  /** Adds nothing. */
  public static final DistanceBias NONE = new DistanceBias(MemorySegment.NULL, 0);
}
