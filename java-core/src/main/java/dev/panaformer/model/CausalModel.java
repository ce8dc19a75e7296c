package dev.panaformer.model;

import dev.panaformer.nn.Weights;

/** A decoder without encoder. {@link #forward} traces {@code hidden_states.N}. */
public sealed interface CausalModel extends LanguageModel permits Gpt2Model, LlamaModel {

  @Override
  CausalConfig config();

  /** Loads the model that the configuration is of. */
  static CausalModel load(Weights weights, CausalConfig config) {
    return switch (config) {
      case Gpt2Config gpt2 -> Gpt2Model.load(weights, gpt2);
      case LlamaConfig llama -> LlamaModel.load(weights, llama);
    };
  }
}
