package dev.panaformer.model.decoder;

import dev.panaformer.model.ModelConfig;

import dev.panaformer.nn.WeightNames;
import dev.panaformer.nn.Weights;

/** What generation needs to know of any decoder: the shape of its cache and of its logits. */
public sealed interface DecoderConfig extends ModelConfig permits CausalConfig, Seq2SeqConfig {

  int vocabSize();

  /** Tokens that a text may have at most. */
  int contextLength();

  int hiddenSize();

  /** Layers of the decoder. */
  int numLayers();

  /** Heads of the queries. */
  int numHeads();

  /** Heads of keys and values, each of which several query heads may share. */
  int kvHeads();

  /** Features of a head. */
  int headDim();

  int intermediateSize();

  /** How checkpoints of the family spell the names of {@link Transformer.Builder}. */
  @Override
  WeightNames weightNames();

  /** The parts of the model, from which it is built. */
  Transformer.Builder architecture();

  @Override
  LanguageModel load(Weights weights);
}
