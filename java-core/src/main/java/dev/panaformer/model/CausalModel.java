package dev.panaformer.model;

import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.PackedWeight;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/**
 * A decoder with its language-model head. Immutable and thread-safe; each pass needs a {@link
 * Workspace} of its own. The memory and the kernels belong to whoever loaded the model.
 */
public sealed interface CausalModel permits Gpt2Model, LlamaModel {

  CausalConfig config();

  Kernels kernels();

  /** {@code [vocab, hidden]}: what makes logits of hidden states. */
  PackedWeight head();

  /**
   * Runs a pass.
   *
   * @param trace told {@code hidden_states.N}, the last of them after the final norm; or null
   * @return the hidden states after the final norm {@code [tokens, hidden]}, in the workspace until
   *     its next pass
   */
  MemorySegment forward(DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace);

  /** Loads the model that the configuration is of. */
  static CausalModel load(Weights weights, CausalConfig config) {
    return switch (config) {
      case Gpt2Config gpt2 -> Gpt2Model.load(weights, gpt2);
      case LlamaConfig llama -> LlamaModel.load(weights, llama);
    };
  }
}
