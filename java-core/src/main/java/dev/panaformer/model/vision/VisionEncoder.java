package dev.panaformer.model.vision;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;

/**
 * A model of images without a head. It computes hidden states of the patches and of further tokens,
 * such as the class token.
 */
public interface VisionEncoder extends VisionTask {
  /** The result of {@link #tokenRows}. */
  Buffer TOKEN_ROWS = Buffer.named("tokens of one position");

  Kernels kernels();

  /**
   * The shape of the hidden states of an image, {@code [tokens, hidden]}, and the place of the
   * patches among its tokens.
   *
   * @param before the number of tokens before the patches
   * @param rows the number of rows of patches in the last layer
   * @param columns the number of columns of patches in the last layer
   * @param after the number of tokens after the patches
   * @param hidden the number of features of each token
   */
  record Layout(int before, int rows, int columns, int after, int hidden) {
    public int tokens() {
      return before + rows * columns + after;
    }
  }

  /** The layout of the result of {@link #forward} for images of this size. */
  Layout layout(int height, int width);

  /**
   * Evaluates the encoder for a head that reads only tokens before the patches. Without a trace,
   * the last layer is computed for these tokens only. A trace receives all hidden states.
   *
   * @param first the number of tokens of each image, at most those before its patches
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
   * @param token the index of the token in an image
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
