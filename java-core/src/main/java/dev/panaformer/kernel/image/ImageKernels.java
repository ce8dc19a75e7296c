package dev.panaformer.kernel.image;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** What models of images need besides the kernels of texts. */
public sealed interface ImageKernels permits NativeImage, JavaImage {
  /** The kernels of an engine. */
  static ImageKernels of(NativeEngine engine) {
    return new NativeImage(engine);
  }

  /** The kernels in Java. */
  static ImageKernels inJava() {
    return new JavaImage();
  }

  /**
   * Puts the patches of images through a linear layer.
   *
   * @param x {@code [images, channels, height, width]}, or with the channels last as the grid says
   * @param y the patches of image i from {@code i * yImageStride} on, {@code [patches, out]}
   */
  void patchEmbedding(
      MemorySegment x,
      long images,
      PatchLayer layer,
      MemorySegment y,
      long yImageStride,
      Workspace workspace);

  /**
   * Convolves each channel by itself.
   *
   * @param x {@code [images, height, width, channels]}
   * @param y as x, which it must not overlap
   */
  void depthwiseConv(
      MemorySegment x,
      ImageShape shape,
      DepthwiseWeights weights,
      MemorySegment y,
      Workspace workspace);

  /**
   * Resizes images without an antialiasing filter. Pixels are areas (PyTorch's {@code
   * align_corners=False}).
   *
   * @param x {@code [images, height, width, channels]}
   * @param y {@code [images, resized height, resized width, pixelStride]}, of which {@code
   *     channels} are written
   */
  void interpolate(MemorySegment x, Resize resize, MemorySegment y, Workspace workspace);
}
