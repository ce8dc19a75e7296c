package dev.panaformer.kernel.image;

/**
 * A change of image size.
 *
 * @param from the shape of the input
 * @param height the height of the output in pixels
 * @param width the width of the output in pixels
 * @param pixelStride floats from one pixel of the output to the next; at least the number of
 *     channels
 */
public record Resize(
    ImageShape from, long height, long width, long pixelStride, Interpolation interpolation) {}
