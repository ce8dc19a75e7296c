package dev.panaformer.kernel.image;

import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** {@link ImageKernels} as plain loops. Sums are computed in double. */
final class JavaImage implements ImageKernels {
  @Override
  public void patchEmbedding(
      MemorySegment x,
      long images,
      PatchLayer layer,
      MemorySegment y,
      long yImageStride,
      Workspace workspace) {
    ImageArguments.patchEmbedding(x, images, layer, y, yImageStride);
    MemorySegment patch = workspace.scratch(layer.grid().values() * Float.BYTES);
    JavaPatchEmbedding.run(x, images, layer, y, yImageStride, patch);
  }

  @Override
  public void depthwiseConv(
      MemorySegment x,
      ImageShape shape,
      DepthwiseWeights weights,
      MemorySegment y,
      Workspace workspace) {
    ImageArguments.depthwiseConv(x, shape, weights, y);
    JavaDepthwiseConv.run(x, shape, weights, y);
  }

  @Override
  public void interpolate(MemorySegment x, Resize resize, MemorySegment y, Workspace workspace) {
    ImageArguments.interpolate(x, resize, y);
    JavaInterpolation.run(x, resize, y);
  }
}
