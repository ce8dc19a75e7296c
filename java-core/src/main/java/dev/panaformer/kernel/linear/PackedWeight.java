package dev.panaformer.kernel.linear;

import java.lang.foreign.MemorySegment;

/**
 * The weight of a linear layer in the layout that kernels read. In float32 only the kernels that
 * packed it can read it. In every other format all instruction sets and Java read the same layout.
 *
 * @param name for messages
 * @param segment the packed bytes
 * @param out output features
 * @param in input features
 * @param format of the bytes
 */
public record PackedWeight(
    String name, MemorySegment segment, long out, long in, WeightFormat format) {}
