package dev.panaformer.kernel.image;

/**
 * Where patches lie in images of one size. What lies outside of an image is 0.
 *
 * @param patchHeight pixels of a patch
 * @param strideHeight pixels from one row of patches to the next
 * @param padding pixels by which the first patch begins outside of the image, above and on the left
 * @param rows of patches
 * @param columns of patches
 * @param channelsLast whether images are {@code [height, width, channels]}, as the tokens of a
 *     layer are, and the input features of a patch likewise; else channels come first in both
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

  /** Patches side by side, as many as fit, in images with their channels first. */
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

  /** Square patches that may overlap, as a convolution with padding on every side places them. */
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

  /** Patches of an image. */
  public long patches() {
    return rows * columns;
  }

  /** Values of a patch, the input features of the layer that they go through. */
  public long values() {
    return channels * patchHeight * patchWidth;
  }

  /** Values of an image. */
  long pixels() {
    return channels * height * width;
  }
}
