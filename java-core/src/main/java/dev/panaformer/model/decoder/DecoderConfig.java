package dev.panaformer.model.decoder;

import dev.panaformer.model.ModelConfig;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;

/**
 * The configuration of any model with a decoder. It has the sizes that generation needs for the
 * key-value cache and the logits.
 */
public sealed interface DecoderConfig extends ModelConfig permits CausalConfig, Seq2SeqConfig {

  int vocabSize();

  /** The maximum number of tokens of a sequence. */
  int contextLength();

  int hiddenSize();

  /** The number of layers of the decoder. */
  int numLayers();

  /** The number of query heads. */
  int numHeads();

  /** The number of key and value heads. Several query heads may share one. */
  int kvHeads();

  /** The number of features of a head. */
  int headDim();

  int intermediateSize();

  /** Maps the weight names of {@link Transformer.Builder} to those of the family's checkpoints. */
  @Override
  WeightNames weightNames();

  /** A builder with the architecture of the model. */
  Transformer.Builder architecture();

  @Override
  LanguageModel load(Weights weights);
}
