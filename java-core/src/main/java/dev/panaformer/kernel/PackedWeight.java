package dev.panaformer.kernel;

import java.lang.foreign.MemorySegment;

/**
 * The weight of a linear layer as the {@link Kernels} that packed it read it; no use to any others.
 *
 * @param name for messages
 * @param segment the packed bytes
 * @param out output features
 * @param in input features
 */
public record PackedWeight(String name, MemorySegment segment, long out, long in) {}
