package dev.panaformer.kernel.image;

/**
 * From one image size to another.
 *
 * @param from the images that are read
 * @param height of the images that are written
 * @param width of the images that are written
 * @param pixelStride floats from one pixel to the next where they are written
 */
public record Resize(
    ImageShape from, long height, long width, long pixelStride, Interpolation interpolation) {}
