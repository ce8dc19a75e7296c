package dev.panaformer.kernel.attention;

import java.lang.foreign.MemorySegment;

/**
 * Linformer's projections of keys and values along the sequence (Wang et al. 2020): row p is what a
 * token at position p adds to each of the projected ones.
 *
 * @param keys {@code [positions, projected]}, the paper's E transposed
 * @param values {@code [positions, projected]}, F transposed; may be {@code keys}
 * @param projected how many keys and values a sequence of any length becomes
 */
public record SequenceProjections(
    MemorySegment keys, MemorySegment values, long positions, long projected) {}
