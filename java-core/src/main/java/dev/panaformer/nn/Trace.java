package dev.panaformer.nn;

import java.lang.foreign.MemorySegment;

/** Receives the intermediate results of a forward pass, under Hugging Face's names for them. */
@FunctionalInterface
public interface Trace {
  /** No trace: nothing is reported. A pass with any other trace computes all rows of all layers. */
  Trace NONE = (name, values, shape) -> {};

  /**
   * @param name {@code hidden_states.N} (after layer N, 0 being the embeddings), {@code
   *     last_hidden_state}, {@code pooler_output}, {@code logits}, {@code start_logits}, {@code
   *     end_logits}; also, of layer N, {@code qkv.N} (the queries, keys and values of
   *     self-attention) and {@code cross_attention_queries.N}
   * @param values float32 of that shape; the segment may be longer. It is valid until this method
   *     returns
   * @param shape its first dimension counts the tokens or the sequences of the batch
   */
  void accept(String name, MemorySegment values, long... shape);

  /** A trace that forwards everything to this one, with a prefix before each name. */
  default Trace prefixed(String prefix) {
    return this == NONE ? NONE : (name, values, shape) -> accept(prefix + name, values, shape);
  }
}
