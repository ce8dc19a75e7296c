package dev.panaformer.kernel.image;

import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.Arguments;
import dev.panaformer.kernel.memory.Limits;
import java.lang.foreign.MemorySegment;

/** Argument checks of {@link ImageKernels}. */
final class ImageArguments {
  private ImageArguments() {}

  static void patchEmbedding(
      MemorySegment x, long images, PatchLayer layer, MemorySegment y, long yImageStride) {
    PatchGrid grid = layer.grid();
    PackedWeight weight = layer.weights().weight();
    String kernel = "patchEmbedding";
    Arguments.requireSize(kernel, "images", images, 0);
    Arguments.requireSize(kernel, "channels", grid.channels(), 1);
    requireMap(kernel, "image", grid.height(), grid.width());
    requireMap(kernel, "patch", grid.patchHeight(), grid.patchWidth());
    requireMap(kernel, "grid", grid.rows(), grid.columns());
    Arguments.requireSize(kernel, "strideHeight", grid.strideHeight(), 1);
    Arguments.requireSize(kernel, "strideWidth", grid.strideWidth(), 1);
    if (grid.padding() < 0 || grid.padding() >= Math.min(grid.patchHeight(), grid.patchWidth())) {
      throw new IllegalArgumentException(
          String.format(
              "%s: padding is %d, not in 0 to below the patch of %d x %d",
              kernel, grid.padding(), grid.patchHeight(), grid.patchWidth()));
    }
    if (weight.in()
        != Math.multiplyExact(grid.channels(), grid.patchHeight() * grid.patchWidth())) {
      throw new IllegalArgumentException(
          String.format(
              "%s: weight %s takes %d values, but %d channels of %d x %d are %d",
              kernel,
              weight.name(),
              weight.in(),
              grid.channels(),
              grid.patchHeight(),
              grid.patchWidth(),
              grid.values()));
    }
    long patches = grid.patches();
    long row = patches * weight.out();
    if (yImageStride < row || yImageStride > Long.MAX_VALUE / 8 / Math.max(images, 1)) {
      throw new IllegalArgumentException(
          kernel + ": yImageStride is " + yImageStride + ", but an image needs " + row);
    }
    long written = images == 0 ? 0 : (images - 1) * yImageStride + row;
    long read =
        Math.multiplyExact(
            images, Math.multiplyExact(grid.channels(), grid.height() * grid.width()));
    Arguments.requireFloats(kernel, "x", x, 1, read);
    Arguments.requireFloatsOrAbsent(kernel, "bias", layer.weights().bias(), 1, weight.out());
    Arguments.requireFloatsOrAbsent(kernel, "positions", layer.positions(), patches, weight.out());
    Arguments.requireFloats(kernel, "y", y, 1, written);
    Arguments.requireDisjoint(kernel, y, written, "x", x, read);
  }

  static void depthwiseConv(
      MemorySegment x, ImageShape shape, DepthwiseWeights weights, MemorySegment y) {
    long channels = shape.channels();
    long size = weights.side();
    String kernel = "depthwiseConv";
    Arguments.requireSize(kernel, "images", shape.images(), 0);
    requireMap(kernel, "image", shape.height(), shape.width());
    Arguments.requireSize(kernel, "channels", channels, 1);
    if (size < 1 || size > Limits.MAX_CONVOLUTION || size % 2 == 0) {
      throw new IllegalArgumentException(
          kernel + ": side is " + size + ", not an odd number to " + Limits.MAX_CONVOLUTION);
    }
    long rows = Math.multiplyExact(shape.images(), shape.height() * shape.width());
    long floats = Math.multiplyExact(rows, channels);
    Arguments.requireFloats(kernel, "x", x, 1, floats);
    Arguments.requireFloats(kernel, "weight", weights.weight(), size * size, channels);
    Arguments.requireFloatsOrAbsent(kernel, "bias", weights.bias(), 1, channels);
    Arguments.requireFloats(kernel, "y", y, 1, floats);
    Arguments.requireDisjoint(kernel, y, floats, "x", x, floats);
  }

  static void interpolate(MemorySegment x, Resize resize, MemorySegment y) {
    long images = resize.from().images();
    long height = resize.from().height();
    long width = resize.from().width();
    long channels = resize.from().channels();
    long yHeight = resize.height();
    long yWidth = resize.width();
    String kernel = "interpolate";
    Arguments.requireSize(kernel, "images", images, 0);
    requireMap(kernel, "image", height, width);
    requireMap(kernel, "y", yHeight, yWidth);
    Arguments.requireSize(kernel, "channels", channels, 1);
    Arguments.requireSize(kernel, "pixelStride", resize.pixelStride(), channels);
    long read = Math.multiplyExact(images, Math.multiplyExact(height * width, channels));
    long pixels = Math.multiplyExact(images, yHeight * yWidth);
    long written =
        images == 0 ? 0 : Math.multiplyExact(pixels - 1, resize.pixelStride()) + channels;
    Arguments.requireFloats(kernel, "x", x, 1, read);
    Arguments.requireFloats(kernel, "y", y, 1, written);
    Arguments.requireDisjoint(kernel, y, written, "x", x, read);
  }

  private static void requireMap(String kernel, String name, long height, long width) {
    if (height < 1 || width < 1 || height > Limits.MAX_DIMENSION / width) {
      throw new IllegalArgumentException(kernel + ": " + name + " of " + height + " x " + width);
    }
  }
}
