package dev.panaformer.model.text;

import dev.panaformer.model.Network;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;

/**
 * An encoder of texts, alone or under a head. Immutable and thread-safe; each pass needs a {@link
 * Workspace} of its own. The memory and the kernels belong to whoever loaded the model.
 */
public non-sealed interface TextEncoder extends Network {

  /** What config.json says of the encoder. */
  @Override
  EncoderConfig config();

  /**
   * Adds a sequence to a batch, with the positions that the reference gives its tokens. Tokens that
   * are masked out keep their place among the positions, but are not computed.
   *
   * @param ids of the vocabulary
   * @param typeIds one for each token, or null for 0
   * @param attentionMask 0 for tokens to leave out, wherever they are; or null for none
   * @throws IllegalArgumentException if no token is left, or more than the model has positions
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary, or a type unknown
   */
  void append(TokenBatch batch, int[] ids, int[] typeIds, int[] attentionMask);

  /**
   * Adds a sequence to a batch with all inputs that the reference takes for it.
   *
   * @throws IllegalArgumentException also if it has an input that this model does not take, or one
   *     that does not fit it
   */
  void append(TokenBatch batch, Sequence sequence);

  /** The kernels that the encoder runs on. */
  Kernels kernels();

  /**
   * Runs a pass.
   *
   * @param pass whose trace is told every intermediate result that has a name, and the results
   * @return the result, in the workspace until its next pass: without a head the last hidden states
   *     {@code [tokens, hidden]}
   */
  MemorySegment forward(Pass pass);

  /**
   * Runs the encoder without its head, for the hidden states of some tokens. A trace still gets
   * every hidden state; without one the last layer is computed for these tokens alone.
   *
   * @return the last hidden states of the {@linkplain Pass#wanted wanted} rows, {@code [rows,
   *     hidden]}, in the workspace until its next pass
   */
  MemorySegment hiddenStates(Pass pass);

  /** {@link #forward(Pass)} of a batch that nobody traces. */
  default MemorySegment forward(TokenBatch batch, Workspace workspace) {
    return forward(batch, workspace, Trace.NONE);
  }

  /** {@link #forward(Pass)} of a batch. */
  default MemorySegment forward(TokenBatch batch, Workspace workspace, Trace trace) {
    return forward(Pass.of(kernels(), workspace, batch, trace));
  }

  /** {@link #hiddenStates(Pass)} of rows of a batch. */
  default MemorySegment hiddenStates(
      TokenBatch batch, RowSelection rows, Workspace workspace, Trace trace) {
    return hiddenStates(Pass.of(kernels(), workspace, batch, rows, trace));
  }

  /**
   * Replaces random features by others. No pass may run meanwhile.
   *
   * @throws UnsupportedOperationException if the model has none
   */
  default void redrawFeatures(long seed) {
    throw new UnsupportedOperationException("this model has no random features");
  }
}
