package dev.panaformer.model.vision;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;

/** A model of images without a head: hidden states of patches and of the model's own tokens. */
public interface VisionEncoder extends VisionTask {
  /** What {@link #tokenRows} writes. */
  Buffer TOKEN_ROWS = Buffer.named("tokens of one position");

  Kernels kernels();

  /**
   * The shape of hidden states, {@code [count, tokens, hidden]}, and where an image's patches are
   * among its tokens.
   *
   * @param before tokens before the patches
   * @param rows of patches in the last layer
   * @param columns of patches in the last layer
   * @param after tokens after the patches
   * @param hidden features of each token
   */
  record Layout(int before, int rows, int columns, int after, int hidden) {
    public int tokens() {
      return before + rows * columns + after;
    }
  }

  /** The shape of what {@link #forward} returns for images of this size. */
  Layout layout(int height, int width);

  /**
   * {@link #forward} for a head that reads only tokens before the patches. A trace still gets every
   * hidden state; without one the last layer is computed for these tokens alone.
   *
   * @param first how many tokens of each image, at most those before its patches
   * @return their last hidden states {@code [count, first, hidden]}
   * @throws UnsupportedOperationException if images have no tokens before their patches
   */
  default MemorySegment firstTokens(
      Images images, boolean interpolatePositions, int first, Workspace workspace, Trace trace) {
    throw new UnsupportedOperationException("this model has no tokens before the patches");
  }

  /**
   * Copies one token of every image.
   *
   * @param x hidden states {@code [count, tokens, hidden]}
   * @param token which one
   * @return {@code [count, hidden]}
   */
  default MemorySegment tokenRows(
      Pass pass, MemorySegment x, Images images, int tokens, int token) {
    long hidden = config().hiddenSize();
    MemorySegment y = pass.floats(TOKEN_ROWS, images.count() * hidden);
    for (int i = 0; i < images.count(); i++) {
      kernels().memory().copy(x, ((long) i * tokens + token) * hidden, y, i * hidden, hidden);
    }
    return y;
  }
}
