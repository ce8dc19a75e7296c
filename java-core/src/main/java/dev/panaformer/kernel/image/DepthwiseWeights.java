package dev.panaformer.kernel.image;

import dev.panaformer.kernel.linear.Activation;
import java.lang.foreign.MemorySegment;

/**
 * A depthwise convolution with stride 1 and zero padding, followed by an activation function.
 *
 * @param weight {@code [side, side, channels]}
 * @param bias {@code [channels]}; may be absent
 * @param side the height and width of the convolution kernel, an odd number
 * @param activation applied to each element of the result
 */
public record DepthwiseWeights(
    MemorySegment weight, MemorySegment bias, long side, Activation activation) {}
