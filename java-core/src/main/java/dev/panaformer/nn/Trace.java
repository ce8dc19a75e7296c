package dev.panaformer.nn;

import java.lang.foreign.MemorySegment;

/** Told the intermediate results of a pass, by the names that Hugging Face gives them. */
@FunctionalInterface
public interface Trace {
  /** Told nothing. A pass with any other trace computes all rows of all layers. */
  Trace NONE = (name, values, shape) -> {};

  /**
   * @param name {@code hidden_states.N} (after layer N, 0 being the embeddings), {@code
   *     last_hidden_state}, {@code pooler_output}, {@code logits}, {@code start_logits}, {@code
   *     end_logits}; of layer N also {@code qkv.N}, the queries, keys and values of self-attention,
   *     and {@code cross_attention_queries.N}
   * @param values float32 of that shape and perhaps more, to be read before this method returns
   * @param shape begins with the tokens or the sequences of the batch
   */
  void accept(String name, MemorySegment values, long... shape);

  /** A trace that tells this one everything by names with a prefix. */
  default Trace prefixed(String prefix) {
    return this == NONE ? NONE : (name, values, shape) -> accept(prefix + name, values, shape);
  }
}
