package dev.panaformer.runtime;

/**
 * Limits of a model that reads images.
 *
 * @param maxConcurrency the maximum number of concurrent calls
 * @param maxBatchTokens the maximum number of patches in a batch; a single image may exceed it
 * @param maxPixels the maximum number of pixels of an image that is decoded
 * @param maxFileBytes the maximum number of bytes that are read of a file or stream
 * @param interpolatePositions whether learned positions are interpolated for images of another size
 */
public record ImageLimits(
    int maxConcurrency,
    int maxBatchTokens,
    long maxPixels,
    long maxFileBytes,
    boolean interpolatePositions) {}
