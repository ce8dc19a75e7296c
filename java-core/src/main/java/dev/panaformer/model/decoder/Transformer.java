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
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import java.util.function.IntUnaryOperator;

/**
 * The Transformer (Vaswani et al. 2017) and its kin: an encoder, a decoder, or both, made of this
 * library's parts.
 *
 * <pre>{@code
 * Transformer.builder().vocabulary(32000).encoderLayers(6).decoderLayers(6).width(512).heads(8)
 *     .intermediate(2048).positions(Positions.SINUSOIDAL).maxPositions(1024).build(weights)
 * }</pre>
 *
 * <p>Immutable and thread-safe; each pass needs a {@link Workspace} of its own. The memory and the
 * kernels belong to whoever opened the weights.
 *
 * @param head {@code [vocabulary, width]}, what makes logits of a decoder's hidden states
 */
public record Transformer(
    Kernels kernels,
    Optional<EncoderStack> encoder,
    Optional<DecoderStack> decoder,
    Optional<LinearWeights> head) {

  /** How a token's place enters. */
  public enum Positions {
    /** Nowhere. */
    NONE,
    /** A learned vector a place, added to the word's. */
    LEARNED,
    /** Sines and cosines of the place in turn, added to the word's. Vaswani et al. 2017. */
    SINUSOIDAL,
    /** The same, all sines before all cosines, as Marian and Pegasus have them. */
    SINUSOIDAL_HALVES,
    /** A learned bias on attention scores by distance. Raffel et al. 2020. */
    RELATIVE,
    /** Queries and keys turn by the place. Su et al. 2021. */
    ROTARY
  }

  /** The kind of norm in the layers. */
  public enum Normalization {
    LAYER_NORM,
    RMS_NORM
  }

  /** A builder that begins with the original's choices; sizes have no default. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Encodes texts.
   *
   * @param trace told {@code hidden_states.N}
   * @return {@code [tokens, width]}, in the workspace until its next pass
   * @throws IllegalStateException if there is no encoder
   */
  public MemorySegment encode(TokenBatch batch, Workspace workspace, Trace trace) {
    return requireEncoder().forward(Pass.of(kernels, workspace, batch, trace));
  }

  /**
   * Encodes sources and computes the keys and values that the decoder's layers attend to, which
   * stay in the cache.
   *
   * @param sources whole texts
   * @return as {@link #encode(TokenBatch, Workspace, Trace)}
   */
  public MemorySegment encode(
      DecoderBatch sources, KvCache cache, Workspace workspace, Trace trace) {
    DecoderPass pass = DecoderPass.of(kernels, workspace, sources, cache, trace);
    MemorySegment encoded = requireEncoder().forward(pass);
    store(pass, encoded);
    return encoded;
  }

  /**
   * Computes the keys and values that the decoder's layers attend to, which stay in the cache.
   *
   * @param encoded {@code [tokens, width]}, states of any encoder
   * @param sources one token for each state
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
   * Runs a pass of the decoder; its sequences have sources exactly if there is an encoder.
   *
   * @param trace told {@code hidden_states.N}, and {@code cross_attention_queries.N}, {@code
   *     [tokens, heads * headDim]}, where there is an encoder
   * @return of the batch's {@linkplain DecoderBatch#queries queries} {@code [tokens, width]}, with
   *     the scale of the head if there is one, in the workspace until its next pass
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
   * What a transformer is made of. {@link #build} checks it.
   *
   * <p>Weights have the names of Hugging Face's BART: {@code shared}, or {@code embed_tokens} below
   * {@code encoder} and {@code decoder}; there also {@code embed_positions}, {@code
   * layernorm_embedding}, {@code layers.N} and {@code layer_norm}; in a layer {@code self_attn},
   * {@code encoder_attn}, {@code fc1}, {@code fc2} and the norms; {@code lm_head} and {@code
   * final_logits_bias}. What BART does not have is called {@code relative_attention_bias} below
   * {@code encoder} and {@code decoder}, and {@code gate} in a layer. The {@link
   * dev.panaformer.nn.WeightNames} of the weights say what a checkpoint calls them. Not
   * thread-safe.
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

    /** 0, as at first, for no encoder. */
    public Builder encoderLayers(int value) {
      encoderLayers = value;
      return this;
    }

    /** 0, as at first, for no decoder. */
    public Builder decoderLayers(int value) {
      decoderLayers = value;
      return this;
    }

    /** Features of a token between the layers. */
    public Builder width(int value) {
      width = value;
      return this;
    }

    /** Attention heads of all layers. */
    public Builder heads(int value) {
      return heads(value, value);
    }

    /** Attention heads of the encoder's and the decoder's layers. */
    public Builder heads(int encoder, int decoder) {
      encoderHeads = encoder;
      decoderHeads = decoder;
      return this;
    }

    /** Key and value heads of a decoder without encoder; 0, as at first, for as many as heads. */
    public Builder kvHeads(int value) {
      kvHeads = value;
      return this;
    }

    /** Features of a head; 0, as at first, for an even share of the width. */
    public Builder headDim(int value) {
      headDim = value;
      return this;
    }

    /** Features inside all feed-forward networks. */
    public Builder intermediate(int value) {
      return intermediate(value, value);
    }

    /** Features inside the feed-forward networks of encoder and decoder. */
    public Builder intermediate(int encoder, int decoder) {
      encoderIntermediate = encoder;
      decoderIntermediate = decoder;
      return this;
    }

    /** Tokens that there are, with one table of embeddings. */
    public Builder vocabulary(int value) {
      encoderVocabulary = value;
      decoderVocabulary = value;
      sharedEmbeddings = true;
      return this;
    }

    /** Tokens of encoder and decoder, each with a table of its own. */
    public Builder vocabularies(int encoder, int decoder) {
      encoderVocabulary = encoder;
      decoderVocabulary = decoder;
      sharedEmbeddings = false;
      return this;
    }

    /** By which word embeddings are multiplied. */
    public Builder embeddingScale(float value) {
      embeddingScale = value;
      return this;
    }

    /** Whether embeddings are normalised before the first layer. */
    public Builder embeddingNorm(boolean value) {
      embeddingNorm = value;
      return this;
    }

    public Builder positions(Positions value) {
      positions = Objects.requireNonNull(value);
      return this;
    }

    /** How many places there are, unless they are relative. */
    public Builder maxPositions(int value) {
      maxPositions = value;
      return this;
    }

    /** Rows of a learned table before that of the first place. */
    public Builder positionOffset(int value) {
      positionOffset = value;
      return this;
    }

    /**
     * By how many radians a place each pair of a head's features turns, {@code i} and {@code i +
     * headDim / 2}, if not by {@code 10000^(-2 i / headDim)}.
     */
    public Builder rotaryFrequency(IntToDoubleFunction ofPair) {
      rotaryFrequency = ofPair;
      return this;
    }

    /** Of relative positions: how many buckets, and from which distance on all is the last one. */
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

    /** Whether encoder and decoder normalise what their last layers give. */
    public Builder lastNorm(boolean value) {
      lastNorm = value;
      return this;
    }

    /** Of the feed-forward networks; SwiGLU is {@link Activation#SILU} with a gate. */
    public Builder activation(Activation value) {
      activation = Objects.requireNonNull(value);
      return this;
    }

    /** Whether the feed-forward networks have a gate. Shazeer 2020. */
    public Builder gated(boolean value) {
      gated = value;
      return this;
    }

    /** Whether linear layers have biases. */
    public Builder biases(boolean value) {
      biases = value;
      return projectionBiases(value).outputBiases(value);
    }

    /** Whether queries, keys and values have biases, if not as the other linear layers do. */
    public Builder projectionBiases(boolean value) {
      projectionBiases = value;
      return this;
    }

    /** Whether what attention gives goes through a layer with biases, if not as the others do. */
    public Builder outputBiases(boolean value) {
      outputBiases = value;
      return this;
    }

    /** Whether the checkpoint has the matrices of linear layers as {@code [in, out]}. */
    public Builder transposedWeights(boolean value) {
      transposedWeights = value;
      return this;
    }

    /** Whether queries, keys and values of self-attention are one layer, {@code qkv_proj}. */
    public Builder joinedProjections(boolean value) {
      joinedProjections = value;
      return this;
    }

    /** By which products of queries and keys are multiplied, if not {@code 1/√headDim}. */
    public Builder attentionScale(float value) {
      return attentionScale(layer -> value);
    }

    /** The same by layer, from 0. */
    public Builder attentionScale(IntToDoubleFunction ofLayer) {
      attentionScale = ofLayer;
      return this;
    }

    /**
     * How many tokens a token of the decoder sees in a layer, from 0: itself and those before it; 0
     * for all.
     */
    public Builder window(IntUnaryOperator ofLayer) {
      window = Objects.requireNonNull(ofLayer);
      return this;
    }

    /** Whether a decoder's hidden states become logits. */
    public Builder head(boolean value) {
      head = value;
      return this;
    }

    /** Whether the head is the table of word embeddings, unless the checkpoint has one as well. */
    public Builder tiedHead(boolean value) {
      tiedHead = value;
      return this;
    }

    /** By which logits are multiplied; needs {@link #lastNorm}. */
    public Builder headScale(float value) {
      headScale = value;
      return this;
    }

    /** Whether something is added to the logits. */
    public Builder headBias(boolean value) {
      headBias = value;
      return this;
    }

    /**
     * Reads the weights.
     *
     * @throws IllegalArgumentException if the parts do not fit together
     * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or misshapen
     */
    public Transformer build(Weights weights) {
      return new TransformerAssembly(this, weights).assemble();
    }
  }
}
