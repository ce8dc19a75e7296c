package dev.panaformer.model.decoder;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.DecoderLayer;
import dev.panaformer.nn.DecoderPass;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import java.util.function.IntUnaryOperator;

/**
 * A Transformer (Vaswani et al. 2017): an encoder, a decoder, or both, assembled from the layers of
 * this library by a {@link Builder}.
 *
 * <pre>{@code
 * Transformer.builder().vocabulary(32000).encoderLayers(6).decoderLayers(6).width(512).heads(8)
 *     .intermediate(2048).positions(Positions.SINUSOIDAL).maxPositions(1024).build(weights)
 * }</pre>
 *
 * <p>Immutable and thread-safe; each concurrent forward pass needs a {@link Workspace} of its own.
 * The memory and the kernels are those of the {@link Weights} that it was built from. The caller
 * must keep both open while the Transformer is used.
 *
 * @param head {@code [vocabulary, width]}, which maps hidden states of the decoder to logits
 */
public record Transformer(
    Kernels kernels,
    Optional<EncoderStack> encoder,
    Optional<DecoderStack> decoder,
    Optional<LinearWeights> head) {

  /** How positions are encoded. */
  public enum Positions {
    /** Not at all. */
    NONE,
    /** A learned embedding of each position is added to the word embedding. */
    LEARNED,
    /**
     * A sinusoidal embedding, with sines and cosines interleaved, is added to the word embedding.
     * Vaswani et al. 2017.
     */
    SINUSOIDAL,
    /**
     * A sinusoidal embedding, with all sines before all cosines, is added to the word embedding.
     * Used by Marian and Pegasus.
     */
    SINUSOIDAL_HALVES,
    /**
     * A learned bias that depends on the distance is added to attention scores. Raffel et al. 2020.
     */
    RELATIVE,
    /** Queries and keys are rotated by an angle proportional to the position. Su et al. 2021. */
    ROTARY
  }

  /** The kind of normalisation layer. */
  public enum Normalization {
    LAYER_NORM,
    RMS_NORM
  }

  /** A builder with the defaults of the original Transformer. Sizes have no default. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Evaluates the encoder.
   *
   * @param trace receives {@code hidden_states.N}
   * @return the last hidden states {@code [tokens, width]}, in the workspace; valid until its next
   *     pass
   * @throws IllegalStateException if there is no encoder
   */
  public MemorySegment encode(TokenBatch batch, Workspace workspace, Trace trace) {
    return requireEncoder().forward(Pass.of(kernels, workspace, batch, trace));
  }

  /**
   * Evaluates the encoder, then computes the keys and values for the decoder's cross-attention and
   * stores them in the cache.
   *
   * @param sources the source texts; each must be complete
   * @return the same as {@link #encode(TokenBatch, Workspace, Trace)}
   */
  public MemorySegment encode(
      DecoderBatch sources, KvCache cache, Workspace workspace, Trace trace) {
    DecoderPass pass = DecoderPass.of(kernels, workspace, sources, cache, trace);
    MemorySegment encoded = requireEncoder().forward(pass);
    store(pass, encoded);
    return encoded;
  }

  /**
   * Computes the keys and values for the decoder's cross-attention and stores them in the cache.
   *
   * @param encoded {@code [tokens, width]}, the hidden states of any encoder
   * @param sources one token for each row of the hidden states
   */
  public void attend(
      MemorySegment encoded, DecoderBatch sources, KvCache cache, Workspace workspace) {
    store(DecoderPass.of(kernels, workspace, sources, cache, Trace.NONE), encoded);
  }

  private void store(DecoderPass pass, MemorySegment encoded) {
    List<DecoderLayer> layers = requireDecoder().layers();
    for (int i = 0; i < layers.size(); i++) {
      if (layers.get(i).cross().isPresent()) {
        pass.enterLayer(i, layers.size());
        layers.get(i).cross().get().attention().store(pass, encoded);
      }
    }
  }

  /**
   * Evaluates the decoder without the head. Each sequence of the batch needs an encoded source if
   * there is an encoder, and must have none otherwise.
   *
   * @param trace receives {@code hidden_states.N}and, if there is an encoder, {@code
   *     cross_attention_queries.N}, {@code [tokens, heads * headDim]}
   * @return the last hidden states of the batch's {@linkplain DecoderBatch#queries queries}, {@code
   *     [queries, width]}. They include the scale of the head, if there is one. They are in the
   *     workspace and valid until its next pass
   * @throws IllegalStateException if there is no decoder
   */
  public MemorySegment decode(DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    return requireDecoder().forward(DecoderPass.of(kernels, workspace, batch, cache, trace));
  }

  private EncoderStack requireEncoder() {
    return encoder.orElseThrow(() -> new IllegalStateException("a transformer without encoder"));
  }

  private DecoderStack requireDecoder() {
    return decoder.orElseThrow(() -> new IllegalStateException("a transformer without decoder"));
  }

  /**
   * The architecture of a Transformer. {@link #build} checks that its parts fit together.
   *
   * <p>Weights have the names of Hugging Face's BART. A shared table of word embeddings is {@code
   * shared}; separate tables are {@code embed_tokens} below {@code encoder} and {@code decoder}.
   * Below both there are also {@code embed_positions}, {@code layernorm_embedding}, {@code
   * layers.N} and {@code layer_norm}. A layer has {@code self_attn}, {@code encoder_attn}, {@code
   * fc1}, {@code fc2} and norms. The head is {@code lm_head} and {@code final_logits_bias}. Two
   * names do not occur in BART: {@code relative_attention_bias} below {@code encoder} and {@code
   * decoder}, and {@code gate} in a layer. The {@link dev.panaformer.nn.weights.WeightNames} of the
   * weights map these names to those of a checkpoint.
   *
   * <p>Not thread-safe.
   */
  public static final class Builder {
    int encoderLayers;
    int decoderLayers;
    int width;
    int encoderHeads;
    int decoderHeads;
    int kvHeads;
    int headDim;
    int encoderIntermediate;
    int decoderIntermediate;
    int encoderVocabulary;
    int decoderVocabulary;
    boolean sharedEmbeddings = true;
    float embeddingScale = 1;
    boolean embeddingNorm;
    Positions positions = Positions.SINUSOIDAL;
    int maxPositions;
    int positionOffset;
    IntToDoubleFunction rotaryFrequency;
    int buckets = 32;
    int maxDistance = 128;
    Normalization normalization = Normalization.LAYER_NORM;
    NormPlacement placement = NormPlacement.AFTER;
    boolean lastNorm;
    float normEps = 1e-5f;
    Activation activation = Activation.RELU;
    boolean gated;
    boolean biases = true;
    boolean projectionBiases = true;
    boolean outputBiases = true;
    boolean transposedWeights;
    boolean joinedProjections;
    IntToDoubleFunction attentionScale;
    IntUnaryOperator window = layer -> 0;
    boolean head = true;
    boolean tiedHead = true;
    float headScale = 1;
    boolean headBias;

    private Builder() {}

    /** The number of encoder layers. The default is 0, for no encoder. */
    public Builder encoderLayers(int value) {
      encoderLayers = value;
      return this;
    }

    /** The number of decoder layers. The default is 0, for no decoder. */
    public Builder decoderLayers(int value) {
      decoderLayers = value;
      return this;
    }

    /** The number of features of a hidden state. */
    public Builder width(int value) {
      width = value;
      return this;
    }

    /** The number of attention heads in all layers. */
    public Builder heads(int value) {
      return heads(value, value);
    }

    /** The number of attention heads in the layers of the encoder and of the decoder. */
    public Builder heads(int encoder, int decoder) {
      encoderHeads = encoder;
      decoderHeads = decoder;
      return this;
    }

    /**
     * The number of key and value heads of a decoder-only model. The default is 0, for as many as
     * query heads.
     */
    public Builder kvHeads(int value) {
      kvHeads = value;
      return this;
    }

    /**
     * The number of features of a head. The default is 0, for the width divided by the number of
     * heads.
     */
    public Builder headDim(int value) {
      headDim = value;
      return this;
    }

    /** The intermediate size of all feed-forward networks. */
    public Builder intermediate(int value) {
      return intermediate(value, value);
    }

    /** The intermediate size of the feed-forward networks of the encoder and of the decoder. */
    public Builder intermediate(int encoder, int decoder) {
      encoderIntermediate = encoder;
      decoderIntermediate = decoder;
      return this;
    }

    /**
     * The size of the vocabulary. The encoder and the decoder share one table of word embeddings.
     */
    public Builder vocabulary(int value) {
      encoderVocabulary = value;
      decoderVocabulary = value;
      sharedEmbeddings = true;
      return this;
    }

    /**
     * The sizes of the vocabularies of the encoder and the decoder, which have separate tables of
     * word embeddings.
     */
    public Builder vocabularies(int encoder, int decoder) {
      encoderVocabulary = encoder;
      decoderVocabulary = decoder;
      sharedEmbeddings = false;
      return this;
    }

    /** The factor of word embeddings. The default is 1. */
    public Builder embeddingScale(float value) {
      embeddingScale = value;
      return this;
    }

    /** Whether a norm follows the embeddings. */
    public Builder embeddingNorm(boolean value) {
      embeddingNorm = value;
      return this;
    }

    public Builder positions(Positions value) {
      positions = Objects.requireNonNull(value);
      return this;
    }

    /** The number of positions. Relative positions do not need it. */
    public Builder maxPositions(int value) {
      maxPositions = value;
      return this;
    }

    /** The number of unused rows before position 0 in a learned table. */
    public Builder positionOffset(int value) {
      positionOffset = value;
      return this;
    }

    /**
     * The rotary frequency, in radians per position, of the pair of features {@code i} and {@code i
     * + headDim / 2}. The default is {@code 10000^(-2 i / headDim)}.
     */
    public Builder rotaryFrequency(IntToDoubleFunction ofPair) {
      rotaryFrequency = ofPair;
      return this;
    }

    /**
     * The number of buckets of relative positions, and the distance from which on all distances
     * share the last bucket.
     */
    public Builder buckets(int count, int maxDistance) {
      this.buckets = count;
      this.maxDistance = maxDistance;
      return this;
    }

    public Builder normalization(Normalization value, float eps) {
      normalization = Objects.requireNonNull(value);
      normEps = eps;
      return this;
    }

    public Builder placement(NormPlacement value) {
      placement = Objects.requireNonNull(value);
      return this;
    }

    /** Whether a norm follows the last layer of the encoder and of the decoder. */
    public Builder lastNorm(boolean value) {
      lastNorm = value;
      return this;
    }

    /**
     * The activation function of the feed-forward networks. SwiGLU is {@link Activation#SILU} with
     * a gate.
     */
    public Builder activation(Activation value) {
      activation = Objects.requireNonNull(value);
      return this;
    }

    /** Whether the feed-forward networks have a gate. Shazeer 2020. */
    public Builder gated(boolean value) {
      gated = value;
      return this;
    }

    /** Whether all linear layers have biases. */
    public Builder biases(boolean value) {
      biases = value;
      return projectionBiases(value).outputBiases(value);
    }

    /**
     * Whether the projections to queries, keys and values have biases. Set it after {@link
     * #biases}, which sets it too.
     */
    public Builder projectionBiases(boolean value) {
      projectionBiases = value;
      return this;
    }

    /**
     * Whether the output projection of attention has a bias. Set it after {@link #biases}, which
     * sets it too.
     */
    public Builder outputBiases(boolean value) {
      outputBiases = value;
      return this;
    }

    /** Whether the checkpoint stores the matrices of linear layers as {@code [in, out]}. */
    public Builder transposedWeights(boolean value) {
      transposedWeights = value;
      return this;
    }

    /**
     * Whether the checkpoint stores queries, keys and values of self-attention as one layer, {@code
     * qkv_proj}.
     */
    public Builder joinedProjections(boolean value) {
      joinedProjections = value;
      return this;
    }

    /** The factor of attention scores. The default is {@code 1/√headDim}. */
    public Builder attentionScale(float value) {
      return attentionScale(layer -> value);
    }

    /** The factor of attention scores in each layer. Layers count from 0. */
    public Builder attentionScale(IntToDoubleFunction ofLayer) {
      attentionScale = ofLayer;
      return this;
    }

    /**
     * The number of tokens that a token of the decoder attends to in each layer: itself and those
     * before it; 0 for all. Layers count from 0.
     */
    public Builder window(IntUnaryOperator ofLayer) {
      window = Objects.requireNonNull(ofLayer);
      return this;
    }

    /** Whether the decoder has a language-model head. */
    public Builder head(boolean value) {
      head = value;
      return this;
    }

    /**
     * Whether the head shares the word embeddings. If the checkpoint has a different matrix for the
     * head, that matrix is used.
     */
    public Builder tiedHead(boolean value) {
      tiedHead = value;
      return this;
    }

    /**
     * The factor of the logits. A factor other than 1 needs {@link #lastNorm}, whose weights it is
     * multiplied into.
     */
    public Builder headScale(float value) {
      headScale = value;
      return this;
    }

    /** Whether a bias is added to the logits. */
    public Builder headBias(boolean value) {
      headBias = value;
      return this;
    }

    /**
     * Loads the weights.
     *
     * @throws IllegalArgumentException if the parts do not fit together
     * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has another
     *     shape
     */
    public Transformer build(Weights weights) {
      return new TransformerAssembly(this, weights).assemble();
    }
  }
}
