package dev.panaformer.model.text;

import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.nn.EncoderAttention;
import dev.panaformer.nn.Weights;

/** Which tokens of a sequence see which, in encoders whose layers do not let all see all. */
public sealed interface Sparsity permits Longformer, BigBird {

  /**
   * The attention of a layer.
   *
   * @param weights of the layer's attention
   */
  EncoderAttention attention(Weights weights, BertConfig config, int layer);

  /**
   * Tells the batch who sees whom in the sequence that was added last.
   *
   * @param globals which tokens see all, where the sequence does not say
   * @throws IllegalArgumentException if the sequence does not fit, naming what does not
   */
  void append(TokenBatch batch, Sequence sequence, GlobalTokens globals);
}
