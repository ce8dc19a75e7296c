package dev.panaformer.kernel;

import java.lang.foreign.MemorySegment;

/**
 * The weight of a linear layer as the {@link Kernels} that packed it read it. In float32 it is of
 * no use to any others; in all other precisions it is the same for every instruction set and for
 * Java.
 *
 * @param name for messages
 * @param segment the packed bytes
 * @param out output features
 * @param in input features
 * @param precision what it is stored in
 */
public record PackedWeight(
    String name, MemorySegment segment, long out, long in, Precision precision) {}
