package dev.panaformer.model;

import dev.panaformer.nn.WeightNames;

/** What generation needs to know of any decoder: the shape of its cache and of its logits. */
public sealed interface DecoderConfig permits CausalConfig, Seq2SeqConfig {

  int vocabSize();

  /** Tokens that a text may have. */
  int contextLength();

  int hiddenSize();

  /** Layers of the decoder. */
  int numLayers();

  int kvHeads();

  int headDim();

  /** How checkpoints of the family spell the names of {@link Transformer.Builder}. */
  WeightNames weightNames();

  /** What the model is made of. */
  Transformer.Builder architecture();
}
