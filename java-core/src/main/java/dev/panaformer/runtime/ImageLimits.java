package dev.panaformer.runtime;

/**
 * Limits of a model that reads images.
 *
 * @param maxConcurrency the number of calls that run at the same time
 * @param maxBatchTokens the number of patches that are computed together, unless one image alone
 *     has more
 * @param maxPixels the largest image that is decoded
 * @param interpolatePositions whether learned positions are interpolated for images of another size
 */
public record ImageLimits(
    int maxConcurrency, int maxBatchTokens, long maxPixels, boolean interpolatePositions) {}
