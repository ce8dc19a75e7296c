package dev.panaformer;

/**
 * The contribution of each patch of an image to the output of a model.
 *
 * @param rows the number of rows of patches
 * @param columns the number of columns of patches
 * @param weights {@code [rows, columns]}, from 0 to 1; the largest weight is 1
 */
public record PatchAttention(int rows, int columns, float[] weights) {}
