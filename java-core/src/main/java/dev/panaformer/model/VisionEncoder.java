package dev.panaformer.model;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/** A model without a head: hidden states of the places of an image. */
public sealed interface VisionEncoder extends VisionTask
    permits VitModel, SwinModel, SegformerModel {

  Kernels kernels();

  /**
   * The hidden states of a pass over images of this size.
   *
   * @param before tokens before the patches
   * @param rows of patches, as the last layer has them
   * @param columns of patches
   * @param after tokens behind the patches
   * @param hidden features of each
   */
  record Layout(int before, int rows, int columns, int after, int hidden) {
    public int tokens() {
      return before + rows * columns + after;
    }
  }

  /** What {@link #forward} returns for images of this size, {@code [count, tokens, hidden]}. */
  Layout layout(int height, int width);

  /**
   * {@link #forward} for what a head reads that reads the tokens before the patches. A trace is
   * still told everything; without one the last layer is computed for these tokens alone.
   *
   * @param first so many tokens of each image, at most those before its patches
   * @return their last hidden states {@code [count, first, hidden]}
   * @throws UnsupportedOperationException if images have no tokens before their patches
   */
  default MemorySegment firstTokens(
      Images images, boolean interpolatePositions, int first, Workspace workspace, Trace trace) {
    throw new UnsupportedOperationException("this model has no tokens before the patches");
  }

  /**
   * Loads a checkpoint's encoder, with or without a head in the same checkpoint.
   *
   * @throws CheckpointException if the weights do not fit the configuration
   */
  static VisionEncoder load(Weights weights, VisionConfig config) {
    return switch (config) {
      case VitConfig vit -> VitModel.load(weights, vit);
      case SwinConfig swin -> SwinModel.load(weights, swin);
      case SegformerConfig segformer -> SegformerModel.load(weights, segformer);
    };
  }
}
