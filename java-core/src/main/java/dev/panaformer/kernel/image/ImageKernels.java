package dev.panaformer.kernel.image;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * Patch embedding, depthwise convolution and interpolation of images. {@link
 * dev.panaformer.kernel.Kernels} describes what holds for all kernels: layouts, errors,
 * thread-safety.
 */
public sealed interface ImageKernels permits NativeImage, JavaImage {
  /** Returns the native kernels of an engine. */
  static ImageKernels of(NativeEngine engine) {
    return new NativeImage(engine);
  }

  /** Returns the kernels in Java. */
  static ImageKernels inJava() {
    return new JavaImage();
  }

  /**
   * Computes {@code y = patch Wᵀ + bias + position} for each patch of each image.
   *
   * @param x {@code [images, channels, height, width]}, or {@code [images, height, width,
   *     channels]} if the grid has its channels last
   * @param y {@code [patches, out]} for each image; image i begins at element {@code i *
   *     yImageStride}. Must not overlap x.
   * @param yImageStride floats from one image of y to the next; at least {@code patches * out}
   * @throws IllegalArgumentException if a tensor is too small, or the weight does not fit the
   *     patches
   */
  void patchEmbedding(
      MemorySegment x,
      long images,
      PatchLayer layer,
      MemorySegment y,
      long yImageStride,
      Workspace workspace);

  /**
   * Computes a depthwise convolution: {@code y[r, c, channel] = activation(bias[channel] + Σ
   * weight[i, j, channel] x[r + i - side / 2, c + j - side / 2, channel])}, summed over {@code i}
   * and {@code j}. Pixels outside of the image count as 0.
   *
   * @param x {@code [images, height, width, channels]}
   * @param y the same shape as x; must not overlap x
   * @throws IllegalArgumentException if a tensor is too small, or the side is even or too large
   */
  void depthwiseConv(
      MemorySegment x,
      ImageShape shape,
      DepthwiseWeights weights,
      MemorySegment y,
      Workspace workspace);

  /**
   * Resizes images without an antialiasing filter. The centre of output pixel r is at {@code (r +
   * 0.5) height / resizedHeight - 0.5} in the input (PyTorch's {@code align_corners=False}). Pixels
   * outside of the image have the value of the nearest pixel of its border.
   *
   * @param x {@code [images, height, width, channels]}
   * @param y {@code [images, resizedHeight, resizedWidth, pixelStride]}; the first {@code channels}
   *     floats of each pixel are written. Must not overlap x.
   */
  void interpolate(MemorySegment x, Resize resize, MemorySegment y, Workspace workspace);
}
