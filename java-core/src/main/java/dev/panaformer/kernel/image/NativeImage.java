package dev.panaformer.kernel.image;

import static dev.panaformer.bindings.panaformer_h.pf_depthwise_conv;
import static dev.panaformer.bindings.panaformer_h.pf_interpolate;
import static dev.panaformer.bindings.panaformer_h.pf_patch_embedding;
import static dev.panaformer.bindings.panaformer_h.pf_patch_embedding_workspace_size;
import static dev.panaformer.kernel.engine.NativeEngine.check;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.panaformer.bindings.pf_depthwise_conv_params;
import dev.panaformer.bindings.pf_interpolate_params;
import dev.panaformer.bindings.pf_patch_embedding_params;
import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.linear.PackedWeightStatus;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** {@link ImageKernels} of the native library. */
final class NativeImage implements ImageKernels {
  private final NativeEngine engine;

  NativeImage(NativeEngine engine) {
    this.engine = engine;
  }

  @Override
  public void patchEmbedding(
      MemorySegment x,
      long images,
      PatchLayer layer,
      MemorySegment y,
      long yImageStride,
      Workspace workspace) {
    ImageArguments.patchEmbedding(x, images, layer, y, yImageStride);
    engine.requireWritable("patchEmbedding", "y", y);
    MemorySegment params = workspace.parameters();
    check(
        "patchEmbedding",
        pf_patch_embedding_workspace_size(engine.pointer(), layer.grid().values(), params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    storeGrid(params, layer.grid());
    pf_patch_embedding_params.x(params, x);
    pf_patch_embedding_params.packed(params, layer.weights().weight().segment());
    pf_patch_embedding_params.bias(params, layer.weights().bias());
    pf_patch_embedding_params.positions(params, layer.positions());
    pf_patch_embedding_params.y(params, y);
    pf_patch_embedding_params.y_image_stride(params, yImageStride);
    pf_patch_embedding_params.images(params, images);
    pf_patch_embedding_params.n(params, layer.weights().out());
    pf_patch_embedding_params.workspace(params, scratch);
    pf_patch_embedding_params.workspace_bytes(params, scratch.byteSize());
    PackedWeightStatus.check(
        "patchEmbedding", pf_patch_embedding(engine.pointer(), params), layer.weights().weight());
  }

  private static void storeGrid(MemorySegment params, PatchGrid grid) {
    pf_patch_embedding_params.channels(params, grid.channels());
    pf_patch_embedding_params.height(params, grid.height());
    pf_patch_embedding_params.width(params, grid.width());
    pf_patch_embedding_params.patch_height(params, grid.patchHeight());
    pf_patch_embedding_params.patch_width(params, grid.patchWidth());
    pf_patch_embedding_params.stride_height(params, grid.strideHeight());
    pf_patch_embedding_params.stride_width(params, grid.strideWidth());
    pf_patch_embedding_params.padding(params, grid.padding());
    pf_patch_embedding_params.grid_height(params, grid.rows());
    pf_patch_embedding_params.grid_width(params, grid.columns());
    pf_patch_embedding_params.channels_last(params, grid.channelsLast() ? 1 : 0);
  }

  @Override
  public void depthwiseConv(
      MemorySegment x,
      ImageShape shape,
      DepthwiseWeights weights,
      MemorySegment y,
      Workspace workspace) {
    ImageArguments.depthwiseConv(x, shape, weights, y);
    engine.requireWritable("depthwiseConv", "y", y);
    MemorySegment params = workspace.parameters();
    pf_depthwise_conv_params.x(params, x);
    pf_depthwise_conv_params.weight(params, weights.weight());
    pf_depthwise_conv_params.bias(params, weights.bias());
    pf_depthwise_conv_params.y(params, y);
    pf_depthwise_conv_params.images(params, shape.images());
    pf_depthwise_conv_params.height(params, shape.height());
    pf_depthwise_conv_params.width(params, shape.width());
    pf_depthwise_conv_params.channels(params, shape.channels());
    pf_depthwise_conv_params.kernel(params, weights.side());
    pf_depthwise_conv_params.activation(params, weights.activation().value());
    check("depthwiseConv", pf_depthwise_conv(engine.pointer(), params));
  }

  @Override
  public void interpolate(MemorySegment x, Resize resize, MemorySegment y, Workspace workspace) {
    ImageArguments.interpolate(x, resize, y);
    engine.requireWritable("interpolate", "y", y);
    MemorySegment params = workspace.parameters();
    pf_interpolate_params.x(params, x);
    pf_interpolate_params.y(params, y);
    pf_interpolate_params.y_pixel_stride(params, resize.pixelStride());
    pf_interpolate_params.images(params, resize.from().images());
    pf_interpolate_params.height(params, resize.from().height());
    pf_interpolate_params.width(params, resize.from().width());
    pf_interpolate_params.channels(params, resize.from().channels());
    pf_interpolate_params.y_height(params, resize.height());
    pf_interpolate_params.y_width(params, resize.width());
    pf_interpolate_params.interpolation(params, resize.interpolation().value());
    check("interpolate", pf_interpolate(engine.pointer(), params));
  }
}
