package dev.panaformer.kernel.linear;

import java.lang.foreign.MemorySegment;

/**
 * The packed weight of a linear layer, in a layout that kernels read. A float32 weight can only be
 * read by the kernels that packed it. In every other format all instruction sets and Java read the
 * same layout.
 *
 * @param name the name in messages
 * @param segment the packed bytes
 * @param out the number of output features
 * @param in the number of input features
 * @param format the format of the bytes
 */
public record PackedWeight(
    String name, MemorySegment segment, long out, long in, WeightFormat format) {}
