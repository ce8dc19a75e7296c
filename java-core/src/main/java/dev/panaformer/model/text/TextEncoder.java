package dev.panaformer.model.text;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.Network;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;

/**
 * An encoder of texts, without or with a head. Immutable and thread-safe; each concurrent forward
 * pass needs a {@link Workspace} of its own. The caller that loads the encoder owns its memory and
 * its kernels.
 */
public non-sealed interface TextEncoder extends Network {

  /** The configuration of the encoder. */
  @Override
  EncoderConfig config();

  /**
   * Adds a sequence to a batch, with the positions that the reference gives to its tokens. Masked
   * tokens count for positions but are not computed.
   *
   * @param ids the token ids
   * @param typeIds the token types; null if all are 0
   * @param attentionMask 0 for masked tokens, which may be anywhere; null if none is masked
   * @throws IllegalArgumentException if all tokens are masked, or there are more tokens than
   *     positions
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary, or a token type is not
   *     known
   */
  void append(TokenBatch batch, int[] ids, int[] typeIds, int[] attentionMask);

  /**
   * Adds a sequence to a batch with all inputs that the reference takes.
   *
   * @throws IllegalArgumentException also if the sequence has an input that this model does not
   *     take or that does not fit the model
   */
  void append(TokenBatch batch, Sequence sequence);

  /** The kernels that evaluate the encoder. */
  Kernels kernels();

  /**
   * Evaluates the encoder and its head.
   *
   * @param pass its trace receives every intermediate result that has a name, and the results
   * @return the result of the head or, without a head, the last hidden states {@code [tokens,
   *     hidden]}. It is in the workspace and valid until its next pass
   */
  MemorySegment forward(Pass pass);

  /**
   * Evaluates the encoder without its head, for the {@linkplain Pass#wanted wanted} rows. Without a
   * trace, the last layer is computed for these rows only. A trace receives all hidden states.
   *
   * @return the last hidden states of the wanted rows, {@code [rows, hidden]}. They are in the
   *     workspace and valid until its next pass
   */
  MemorySegment hiddenStates(Pass pass);

  /** {@link #forward(Pass)} of a batch without a trace. */
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
   * Draws new random features from a seed. No forward pass may run at the same time.
   *
   * @throws UnsupportedOperationException if the model has no random features
   */
  default void redrawFeatures(long seed) {
    throw new UnsupportedOperationException("this model has no random features");
  }
}
