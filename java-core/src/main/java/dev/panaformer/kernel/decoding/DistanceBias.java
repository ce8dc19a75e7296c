package dev.panaformer.kernel.decoding;

import java.lang.foreign.MemorySegment;

/**
 * A bias that is added to the scaled scores of causal attention. It depends on the distance from a
 * query back to a key, as in T5 (Raffel et al. 2020).
 *
 * @param table {@code [heads, distances]}. Keys at larger distances get the bias of the last
 *     distance.
 * @param distances the number of distances, counted from 0; 0 if there is no bias and the table is
 *     absent
 */
public record DistanceBias(MemorySegment table, long distances) {
  /** No bias. */
  public static final DistanceBias NONE = new DistanceBias(MemorySegment.NULL, 0);
}
