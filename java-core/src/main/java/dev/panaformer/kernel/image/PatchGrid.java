package dev.panaformer.kernel.image;

/**
 * The positions of patches in images of one size. Pixels outside of an image count as 0.
 *
 * @param channels the channels of an image
 * @param height the pixels of an image from top to bottom
 * @param width the pixels of an image from left to right
 * @param patchHeight the pixels of a patch from top to bottom
 * @param patchWidth the pixels of a patch from left to right
 * @param strideHeight pixels from one row of patches to the next
 * @param strideWidth pixels from one column of patches to the next
 * @param padding the pixels by which the first patch extends beyond the image, at the top and on
 *     the left
 * @param rows the number of rows of patches
 * @param columns the number of columns of patches
 * @param channelsLast whether images are {@code [height, width, channels]} and the input features
 *     of a patch {@code [patchHeight, patchWidth, channels]}. Otherwise channels are the first
 *     dimension of both.
 */
public record PatchGrid(
    long channels,
    long height,
    long width,
    long patchHeight,
    long patchWidth,
    long strideHeight,
    long strideWidth,
    long padding,
    long rows,
    long columns,
    boolean channelsLast) {

  /**
   * Creates a grid of adjacent patches without overlap, as many as fit into an image {@code
   * [channels, height, width]}.
   */
  public static PatchGrid sideBySide(
      long channels, long height, long width, long patchHeight, long patchWidth) {
    return new PatchGrid(
        channels,
        height,
        width,
        patchHeight,
        patchWidth,
        patchHeight,
        patchWidth,
        0,
        height / patchHeight,
        width / patchWidth,
        false);
  }

  /**
   * Creates a grid of square patches that may overlap, as for a convolution with padding on every
   * side.
   *
   * @param patch the pixels of a side of a patch
   * @param stride pixels from one patch to the next, in both directions
   */
  public static PatchGrid overlapping(
      long channels,
      long height,
      long width,
      long patch,
      long stride,
      long padding,
      boolean channelsLast) {
    return new PatchGrid(
        channels,
        height,
        width,
        patch,
        patch,
        stride,
        stride,
        padding,
        Math.floorDiv(height + 2 * padding - patch, stride) + 1,
        Math.floorDiv(width + 2 * padding - patch, stride) + 1,
        channelsLast);
  }

  /** Returns the number of patches of an image. */
  public long patches() {
    return rows * columns;
  }

  /** Returns the number of values of a patch, which are the input features of the linear layer. */
  public long values() {
    return channels * patchHeight * patchWidth;
  }

  /** Returns the number of values of an image. */
  long pixels() {
    return channels * height * width;
  }
}
