package dev.panaformer.kernel;

import java.lang.foreign.MemorySegment;

/**
 * The weight of a head once more, in 8 bits and with bounds on the error of that: {@link
 * Kernels#linearBest} learns from it which logits need not be computed. It changes no result.
 *
 * @param segment as {@code pf_screen_pack} wrote it
 * @param out output features of the weight
 * @param in input features of the weight
 */
public record Screen(MemorySegment segment, long out, long in) {}
