package dev.panaformer.model.text;

import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.nn.EncoderAttention;
import dev.panaformer.nn.weights.Weights;

/**
 * Which tokens of a sequence attend to which, in encoders where not all tokens attend to each
 * other.
 */
public sealed interface Sparsity permits Longformer, BigBird {

  /**
   * Loads the attention of a layer.
   *
   * @param weights of the layer's attention
   */
  EncoderAttention attention(Weights weights, BertConfig config, int layer);

  /**
   * Adds the key lists of the last sequence of a batch to the batch.
   *
   * @param globals the global tokens, if the sequence does not name them
   * @throws IllegalArgumentException if the sequence has an input that does not fit the model; the
   *     message names it
   */
  void append(TokenBatch batch, Sequence sequence, GlobalTokens globals);
}
