package dev.panaformer.kernel.linear;

import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;

/**
 * The weight of a linear layer as a checkpoint has it.
 *
 * @param name for messages
 * @param elements {@code [out, in]}, in host memory or where the kernels' tensors lie
 * @param dtype the type of the elements, a type of floats
 * @param out output features
 * @param in input features
 */
public record UnpackedWeight(String name, MemorySegment elements, DType dtype, long out, long in) {}
