package dev.panaformer.kernel.attention;

import java.lang.foreign.MemorySegment;

/**
 * Linformer's projections of keys and values along the sequence (Wang et al. 2020). Row p holds the
 * factors with which a token at position p is added to each projected key or value.
 *
 * @param keys {@code [positions, projected]}, the transpose of the paper's E
 * @param values {@code [positions, projected]}, the transpose of F; may be {@code keys}
 * @param positions the number of positions
 * @param projected the number of projected keys and values, whatever the length of the sequence
 */
public record SequenceProjections(
    MemorySegment keys, MemorySegment values, long positions, long projected) {}
