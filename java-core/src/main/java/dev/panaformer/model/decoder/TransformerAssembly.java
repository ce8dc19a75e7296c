package dev.panaformer.model.decoder;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.attention.RotaryTables;
import dev.panaformer.kernel.attention.Rotation;
import dev.panaformer.kernel.decoding.DistanceBias;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.embedding.EmbeddingTables.Table;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.norm.NormWeights;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.decoder.Transformer.Normalization;
import dev.panaformer.model.decoder.Transformer.Positions;
import dev.panaformer.nn.CausalAttention;
import dev.panaformer.nn.CrossAttention;
import dev.panaformer.nn.DecoderLayer;
import dev.panaformer.nn.EncoderLayer;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Norm;
import dev.panaformer.nn.RelativePositions;
import dev.panaformer.nn.RmsNorm;
import dev.panaformer.nn.SelfAttention;
import dev.panaformer.nn.SinusoidalPositions;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntToDoubleFunction;

/** Loads the layers of a {@link Transformer} from its weights, as its builder describes them. */
final class TransformerAssembly {
  private final Transformer.Builder b;
  private final Weights weights;
  private Optional<PackedWeight> head = Optional.empty();
  private boolean headHasWords;
  private MemorySegment sharedWords;
  private PackedWeight sharedPackedWords;
  private MemorySegment sinusoids;

  TransformerAssembly(Transformer.Builder builder, Weights weights) {
    this.b = builder;
    this.weights = weights;
  }

  private int headDim(int heads) {
    return b.headDim > 0 ? b.headDim : b.width / heads;
  }

  private float scale(int layer, int heads) {
    return (float)
        (b.attentionScale != null
            ? b.attentionScale.applyAsDouble(layer)
            : 1 / Math.sqrt(headDim(heads)));
  }

  Transformer assemble() {
    requireFitting();
    boolean decodes = b.decoderLayers > 0;
    if (decodes && b.head) {
      head = Optional.of(head());
    }
    return new Transformer(
        weights.kernels(),
        b.encoderLayers > 0 ? Optional.of(encoder(weights.at("encoder"))) : Optional.empty(),
        decodes ? Optional.of(decoder(weights.forFewRows().at("decoder"))) : Optional.empty(),
        head.map(weight -> new LinearWeights(weight, headBias())));
  }

  private void requireFitting() {
    require(b.encoderLayers >= 0, "encoderLayers", b.encoderLayers, "at least 0");
    require(b.decoderLayers >= 0, "decoderLayers", b.decoderLayers, "at least 0");
    require(
        b.encoderLayers + b.decoderLayers > 0,
        "encoderLayers + decoderLayers",
        0,
        "layers of an encoder, of a decoder, or of both");
    require(b.width > 0, "width", b.width, "at least 1");
    if (b.encoderLayers > 0) {
      requireStack("encoder", b.encoderHeads, b.encoderIntermediate, b.encoderVocabulary);
    }
    if (b.decoderLayers > 0) {
      requireStack("decoder", b.decoderHeads, b.decoderIntermediate, b.decoderVocabulary);
    }
    boolean placed = b.positions != Positions.NONE && b.positions != Positions.RELATIVE;
    require(!placed || b.maxPositions > 0, "maxPositions", b.maxPositions, "at least 1");
    require(b.positionOffset >= 0, "positionOffset", b.positionOffset, "at least 0");
    if (b.positions == Positions.RELATIVE) {
      require(
          b.buckets >= 4 && b.buckets % 2 == 0, "buckets", b.buckets, "an even number from 4 on");
      require(
          b.maxDistance > b.buckets / 2,
          "maxDistance",
          b.maxDistance,
          "more than half the buckets, " + b.buckets / 2);
    }
    require(
        b.kvHeads == 0 || b.encoderLayers == 0 && b.kvHeads > 0 && b.decoderHeads % b.kvHeads == 0,
        "kvHeads",
        b.kvHeads,
        "a divisor of the heads of a decoder without encoder");
    require(
        b.headScale == 1 || b.lastNorm,
        "headScale",
        b.headScale,
        "1 without lastNorm, which takes it");
    require(
        !b.transposedWeights
            || b.biases
                && b.projectionBiases
                && b.joinedProjections
                && !b.gated
                && b.encoderLayers == 0,
        "transposedWeights",
        true,
        "false but for a decoder with biases and joinedProjections, as GPT-2's");
    require(
        !b.embeddingNorm || b.normalization == Normalization.LAYER_NORM,
        "embeddingNorm",
        true,
        "false without LayerNorm");
  }

  private void requireStack(String stack, int heads, int intermediate, int vocabulary) {
    require(heads > 0, "heads of the " + stack, heads, "at least 1");
    require(
        b.headDim > 0 || b.width % heads == 0,
        "heads of the " + stack,
        heads,
        "a divisor of the width, " + b.width + ", or a headDim beside them");
    int headDim = headDim(heads);
    require(
        b.positions != Positions.ROTARY || headDim % 2 == 0,
        "headDim",
        headDim,
        "an even number, for rotary positions");
    require(
        headDim >= 1 && headDim <= ConfigFields.MAX_HEAD_DIM,
        "headDim",
        headDim,
        "1 to " + ConfigFields.MAX_HEAD_DIM);
    require(intermediate > 0, "intermediate of the " + stack, intermediate, "at least 1");
    require(vocabulary > 0, "vocabulary of the " + stack, vocabulary, "at least 1");
  }

  private static void require(boolean condition, String name, Object value, String expected) {
    if (!condition) {
      throw new IllegalArgumentException(name + " is " + value + ", expected " + expected);
    }
  }

  private EncoderStack encoder(Weights w) {
    Optional<RelativePositions> relative =
        b.positions == Positions.RELATIVE
            ? Optional.of(
                RelativePositions.of(
                    relativePositions(w, b.encoderHeads), b.encoderHeads, b.buckets, b.maxDistance))
            : Optional.empty();
    Optional<Rotation> rotary = rotation(b.encoderHeads, b.encoderHeads);
    EmbeddingTables embeddings =
        embeddings("encoder", b.encoderVocabulary, headHasWords && b.sharedEmbeddings);
    List<EncoderLayer> layers = new ArrayList<>();
    for (int i = 0; i < b.encoderLayers; i++) {
      Weights layer = w.at("layers." + i);
      Weights attention = layer.at("self_attn");
      layers.add(
          new EncoderLayer(
              new SelfAttention(
                  queriesKeysValues(attention, b.encoderHeads, b.encoderHeads),
                  output(attention, b.encoderHeads),
                  b.encoderHeads,
                  b.encoderHeads,
                  headDim(b.encoderHeads),
                  scale(i, b.encoderHeads),
                  rotary,
                  relative),
              norm(layer, "self_attn_layer_norm"),
              feedForward(layer, b.encoderIntermediate),
              norm(layer, "final_layer_norm"),
              b.placement));
    }
    return new EncoderStack(embeddings, List.copyOf(layers), lastNorm(w));
  }

  /** What T5 learns for each bucket of distances and each head, {@code [buckets, heads]}. */
  private float[] relativePositions(Weights w, int heads) {
    return w.values("relative_attention_bias.weight", b.buckets, heads);
  }

  private DistanceBias distanceBias(Weights w) {
    float[] table =
        RelativePositions.causal(
            relativePositions(w, b.decoderHeads), b.decoderHeads, b.buckets, b.maxDistance);
    MemorySegment placed =
        w.floats(table.length, y -> MemorySegment.copy(table, 0, y, JAVA_FLOAT, 0, table.length));
    return new DistanceBias(placed, table.length / b.decoderHeads);
  }

  private DecoderStack decoder(Weights w) {
    DistanceBias bias = b.positions == Positions.RELATIVE ? distanceBias(w) : DistanceBias.NONE;
    int kvHeads = b.kvHeads > 0 ? b.kvHeads : b.decoderHeads;
    Optional<Rotation> rotary = rotation(b.decoderHeads, kvHeads);
    EmbeddingTables embeddings = embeddings("decoder", b.decoderVocabulary, headHasWords);
    List<DecoderLayer> layers = new ArrayList<>();
    for (int i = 0; i < b.decoderLayers; i++) {
      Weights layer = w.at("layers." + i);
      Weights attention = layer.at("self_attn");
      layers.add(
          new DecoderLayer(
              norm(layer, "self_attn_layer_norm"),
              new CausalAttention(
                  queriesKeysValues(attention, b.decoderHeads, kvHeads),
                  output(attention, b.decoderHeads),
                  rotary,
                  b.decoderHeads,
                  kvHeads,
                  headDim(b.decoderHeads),
                  scale(i, b.decoderHeads),
                  b.window.applyAsInt(i),
                  bias),
              b.encoderLayers > 0 ? Optional.of(cross(layer, i)) : Optional.empty(),
              norm(layer, "final_layer_norm"),
              feedForward(layer, b.decoderIntermediate),
              b.placement));
    }
    Optional<Norm> norm = lastNorm(w);
    return new DecoderStack(
        embeddings, List.copyOf(layers), norm, b.head && b.headScale != 1 ? headNorm(w) : norm);
  }

  private DecoderLayer.Cross cross(Weights layer, int index) {
    Weights attention = layer.at("encoder_attn");
    long inner = (long) b.decoderHeads * headDim(b.decoderHeads);
    return new DecoderLayer.Cross(
        norm(layer, "encoder_attn_layer_norm"),
        new CrossAttention(
            stacked(attention, List.of("q_proj"), List.of(inner)),
            // Keys and values are computed once for all tokens of a source.
            stacked(attention.forManyRows(), List.of("k_proj", "v_proj"), List.of(inner, inner)),
            output(attention, b.decoderHeads),
            b.decoderHeads,
            scale(index, b.decoderHeads)));
  }

  private Linear queriesKeysValues(Weights w, int heads, int kvHeads) {
    long queries = (long) heads * headDim(heads);
    long keys = (long) kvHeads * headDim(heads);
    if (b.joinedProjections) {
      return linear(w, "qkv_proj", queries + 2 * keys, b.width, b.projectionBiases);
    }
    return stacked(w, List.of("q_proj", "k_proj", "v_proj"), List.of(queries, keys, keys));
  }

  private Linear stacked(Weights w, List<String> names, List<Long> outs) {
    return w.stacked(b.width, b.projectionBiases, names, outs);
  }

  private Linear output(Weights w, int heads) {
    return linear(w, "out_proj", b.width, (long) heads * headDim(heads), b.outputBiases);
  }

  private Linear linear(Weights w, String name, long out, long in, boolean biased) {
    if (b.transposedWeights) {
      return w.transposed(name, out, in);
    }
    return biased ? w.linear(name, out, in) : w.unbiased(name, out, in);
  }

  private FeedForward feedForward(Weights w, int intermediate) {
    if (b.gated) {
      return FeedForward.gated(
          linear(w, "gate", intermediate, b.width, b.biases),
          linear(w, "fc1", intermediate, b.width, b.biases),
          linear(w, "fc2", b.width, intermediate, b.biases),
          b.activation);
    }
    return FeedForward.plain(
        linear(w, "fc1", intermediate, b.width, b.biases),
        linear(w, "fc2", b.width, intermediate, b.biases),
        b.activation);
  }

  private Norm norm(Weights w, String name) {
    return switch (b.normalization) {
      case LAYER_NORM -> w.layerNorm(name, b.width, b.normEps);
      case RMS_NORM -> w.rmsNorm(name, b.width, b.normEps);
    };
  }

  private Optional<Norm> lastNorm(Weights w) {
    return b.lastNorm ? Optional.of(norm(w, "layer_norm")) : Optional.empty();
  }

  /**
   * The last norm with the scale of the head in its weights. The weights of the head itself cannot
   * be scaled, since the embeddings may share them.
   */
  private Optional<Norm> headNorm(Weights w) {
    MemorySegment weight = w.scaledTensor("layer_norm.weight", b.headScale, b.width);
    return Optional.of(
        switch (b.normalization) {
          case LAYER_NORM ->
              new LayerNorm(
                  weight,
                  w.scaledTensor("layer_norm.bias", b.headScale, b.width),
                  b.width,
                  b.normEps);
          case RMS_NORM -> new RmsNorm(weight, b.width, b.normEps);
        });
  }

  /**
   * @param tied whether the word embeddings are the weights of the head, so that one copy serves
   *     both
   */
  private EmbeddingTables embeddings(String stack, int vocabulary, boolean tied) {
    Weights w = weights.at(stack);
    Optional<PackedWeight> words =
        tied ? head : lowPrecision() ? Optional.of(packedWords(w, vocabulary)) : Optional.empty();
    MemorySegment positionTable = positionTable(w);
    EmbeddingTables tables =
        new EmbeddingTables(
            new Table(words.isPresent() ? MemorySegment.NULL : words(w, vocabulary), vocabulary),
            positionTable.equals(MemorySegment.NULL)
                ? Table.NONE
                : new Table(positionTable, b.maxPositions),
            Table.NONE,
            b.embeddingNorm
                ? new NormWeights(
                    w.tensor("layernorm_embedding.weight", b.width),
                    w.tensor("layernorm_embedding.bias", b.width),
                    b.width,
                    b.normEps)
                : NormWeights.absent(b.width));
    return words.map(packed -> tables.withWords(packed, b.embeddingScale)).orElse(tables);
  }

  private boolean lowPrecision() {
    return weights.precision() != WeightFormat.FP32;
  }

  /**
   * Loads word embeddings in low precision. If the encoder and the decoder share them, they are
   * loaded once.
   */
  private PackedWeight packedWords(Weights w, int vocabulary) {
    if (!b.sharedEmbeddings) {
      return w.packed("embed_tokens.weight", vocabulary, b.width);
    }
    if (sharedPackedWords == null) {
      sharedPackedWords = weights.packed("shared.weight", vocabulary, b.width);
    }
    return sharedPackedWords;
  }

  private MemorySegment words(Weights w, int vocabulary) {
    if (!b.sharedEmbeddings) {
      return w.scaledTensor("embed_tokens.weight", b.embeddingScale, vocabulary, b.width);
    }
    if (sharedWords == null) {
      sharedWords = weights.scaledTensor("shared.weight", b.embeddingScale, vocabulary, b.width);
    }
    return sharedWords;
  }

  private MemorySegment positionTable(Weights w) {
    return switch (b.positions) {
      case LEARNED -> {
        long rows = (long) b.maxPositions + b.positionOffset;
        MemorySegment table = w.tensor("embed_positions.weight", rows, b.width);
        yield table.asSlice((long) b.positionOffset * b.width * Float.BYTES);
      }
      case SINUSOIDAL -> sinusoids(w, SinusoidalPositions.Order.INTERLEAVED);
      case SINUSOIDAL_HALVES -> sinusoids(w, SinusoidalPositions.Order.HALVES);
      case NONE, RELATIVE, ROTARY -> MemorySegment.NULL;
    };
  }

  /**
   * Sinusoidal embeddings, loaded if the checkpoint has them and computed otherwise. Checkpoints of
   * Pegasus have them, those of Marian do not.
   */
  private MemorySegment sinusoids(Weights w, SinusoidalPositions.Order order) {
    if (w.has("embed_positions.weight")) {
      return w.tensor("embed_positions.weight", b.maxPositions, b.width);
    }
    if (sinusoids == null) {
      sinusoids =
          weights.floats(
              (long) b.maxPositions * b.width,
              table -> SinusoidalPositions.fill(table, b.maxPositions, b.width, order));
    }
    return sinusoids;
  }

  private Optional<Rotation> rotation(int heads, int kvHeads) {
    if (b.positions != Positions.ROTARY) {
      return Optional.empty();
    }
    int headDim = headDim(heads);
    RotaryTables tables =
        new RotaryTables(
            rotary(headDim, Math::cos), rotary(headDim, Math::sin), b.maxPositions, headDim);
    return Optional.of(Rotation.ofPacked(tables, heads, kvHeads, headDim));
  }

  private MemorySegment rotary(int headDim, DoubleUnaryOperator of) {
    int half = headDim / 2;
    IntToDoubleFunction frequency =
        b.rotaryFrequency != null ? b.rotaryFrequency : RotaryTables.frequencies(10000, headDim);
    return weights.floats(
        (long) b.maxPositions * half,
        table -> RotaryTables.fill(table, b.maxPositions, half, frequency, of));
  }

  /** The bias of the logits, or none if the checkpoint has none. The reference then uses zeros. */
  private MemorySegment headBias() {
    return b.headBias && weights.has("final_logits_bias")
        ? weights.tensor("final_logits_bias", 1, b.decoderVocabulary)
        : MemorySegment.NULL;
  }

  private PackedWeight head() {
    // A checkpoint with a tied head may store the head as well, and its values may even differ.
    String own = "lm_head.weight";
    String words = b.sharedEmbeddings ? "shared.weight" : "decoder.embed_tokens.weight";
    headHasWords =
        b.tiedHead && (!weights.has(own) || weights.same(own, words, b.decoderVocabulary, b.width));
    return weights.forFewRows().packed(headHasWords ? words : own, b.decoderVocabulary, b.width);
  }
}
