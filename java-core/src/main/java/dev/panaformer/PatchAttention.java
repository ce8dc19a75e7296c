package dev.panaformer;

/**
 * How much each patch of an image went into what a model says of it.
 *
 * @param rows of patches
 * @param columns of patches
 * @param weights {@code [rows, columns]}, from 0 to 1, the largest being 1
 */
public record PatchAttention(int rows, int columns, float[] weights) {}
