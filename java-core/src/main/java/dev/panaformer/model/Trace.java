package dev.panaformer.model;

import java.lang.foreign.MemorySegment;

/** Told the intermediate results of a forward pass, by the names that Hugging Face gives them. */
@FunctionalInterface
public interface Trace {

  /**
   * @param name {@code hidden_states.N} (after layer N, 0 being the embeddings), {@code
   *     last_hidden_state}, {@code pooler_output}, {@code logits}, {@code start_logits}, {@code
   *     end_logits}
   * @param values float32 of that shape and perhaps more, to be read before this method returns
   * @param shape begins with the tokens or the sequences of the batch
   */
  void accept(String name, MemorySegment values, long... shape);
}
