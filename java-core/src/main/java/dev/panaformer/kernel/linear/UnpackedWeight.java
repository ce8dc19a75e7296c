package dev.panaformer.kernel.linear;

import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;

/**
 * The weight of a linear layer as a checkpoint stores it.
 *
 * @param name the name in messages
 * @param elements {@code [out, in]}, in host memory or in the memory of the kernels' tensors
 * @param dtype the type of the elements: float32, float16 or bfloat16
 * @param out the number of output features
 * @param in the number of input features
 */
public record UnpackedWeight(String name, MemorySegment elements, DType dtype, long out, long in) {}
