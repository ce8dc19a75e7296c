package dev.panaformer.kernel.image;

import dev.panaformer.kernel.linear.Activation;
import java.lang.foreign.MemorySegment;

/**
 * A depthwise convolution with zero padding, followed by an activation function.
 *
 * @param weight {@code [side, side, channels]}
 * @param bias {@code [channels]}; may be absent
 * @param side of the convolution, odd
 */
public record DepthwiseWeights(
    MemorySegment weight, MemorySegment bias, long side, Activation activation) {}
