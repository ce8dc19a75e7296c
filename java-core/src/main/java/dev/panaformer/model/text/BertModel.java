package dev.panaformer.model.text;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.embedding.EmbeddingTables.Table;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.nn.EncoderLayer;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.SelfAttention;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The encoder of BERT (Devlin et al. 2018) and its family: embeddings, then layers with a norm
 * after each residual connection (post-LN).
 *
 * @param projection the layer from the width of the embeddings to the hidden size, if they differ
 * @param layers the layers in the order of evaluation. Layers that share weights are the same
 *     object
 * @param pooler the layer that computes Hugging Face's {@code pooler_output}; many checkpoints have
 *     none
 */
public record BertModel(
    BertConfig config,
    Kernels kernels,
    EmbeddingTables embeddings,
    Optional<Linear> projection,
    List<EncoderLayer> layers,
    Optional<Linear> pooler)
    implements BertTask {
  private static final Buffer HIDDEN = Buffer.named("hidden states");
  private static final Buffer EMBEDDED = Buffer.named("embeddings");
  private static final Buffer FIRST_TOKENS = Buffer.named("first tokens");
  private static final Buffer POOLED = Buffer.named("pooler output");

  /**
   * Loads the encoder. The checkpoint may also have the weights of a head.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static BertModel load(Weights weights, BertConfig config) {
    return load(weights, config, Optional.empty());
  }

  /**
   * Loads the encoder with word embeddings that it shares with a head.
   *
   * @param words {@code [vocab, embedding]}; if empty, the word embeddings are loaded here
   */
  static BertModel load(Weights weights, BertConfig config, Optional<PackedWeight> words) {
    int hidden = config.hiddenSize();
    EmbeddingTables embeddings = embeddings(weights.at("embeddings"), config, words);
    Optional<Linear> projection =
        config.sharesLayers()
            ? Optional.of(
                weights.linear(
                    "encoder.embedding_hidden_mapping_in", hidden, config.embeddingSize()))
            : Optional.empty();
    Optional<Linear> pooler =
        weights.has("pooler.dense.weight")
            ? Optional.of(weights.inFp32().linear("pooler.dense", hidden, hidden))
            : Optional.empty();
    return new BertModel(
        config, weights.kernels(), embeddings, projection, layers(weights, config), pooler);
  }

  private static List<EncoderLayer> layers(Weights weights, BertConfig c) {
    List<List<EncoderLayer>> groups = new ArrayList<>();
    for (int g = 0; g < c.numHiddenGroups(); g++) {
      List<EncoderLayer> group = new ArrayList<>();
      for (int i = 0; i < c.innerGroupNum(); i++) {
        String name =
            c.sharesLayers()
                ? "encoder.albert_layer_groups." + g + ".albert_layers." + i
                : "encoder.layer." + g;
        group.add(layer(weights.at(name), c, g));
      }
      groups.add(group);
    }
    List<EncoderLayer> layers = new ArrayList<>();
    for (int i = 0; i < c.numHiddenLayers(); i++) {
      layers.addAll(groups.get((int) ((long) i * c.numHiddenGroups() / c.numHiddenLayers())));
    }
    return List.copyOf(layers);
  }

  private static EmbeddingTables embeddings(
      Weights w, BertConfig c, Optional<PackedWeight> headWords) {
    int width = c.embeddingSize();
    int types = c.typeVocabSize();
    LayerNorm norm = w.layerNorm("LayerNorm", width, c.layerNormEps());
    boolean packs = w.precision() != WeightFormat.FP32;
    Optional<PackedWeight> packed =
        headWords.or(() ->
            packs
                ? Optional.of(w.packed("word_embeddings.weight", c.vocabSize(), width))
                : Optional.empty());
    EmbeddingTables tables =
        new EmbeddingTables(
            new Table(
                packed.isPresent()
                    ? MemorySegment.NULL
                    : w.tensor("word_embeddings.weight", c.vocabSize(), width),
                c.vocabSize()),
            new Table(
                w.tensor("position_embeddings.weight", c.maxPositionEmbeddings(), width),
                c.maxPositionEmbeddings()),
            types > 0
                ? new Table(w.tensor("token_type_embeddings.weight", types, width), types)
                : Table.NONE,
            norm.weights());
    return packed.map(words -> tables.withWords(words, 1)).orElse(tables);
  }

  private static EncoderLayer layer(Weights w, BertConfig c, int index) {
    int hidden = c.hiddenSize();
    Weights attention = w.at("attention");
    return new EncoderLayer(
        c.sparsity().isPresent()
            ? c.sparsity().get().attention(attention, c, index)
            : new SelfAttention(
                attention.at("self").concatenated(hidden, hidden, "query", "key", "value"),
                attention.at("output").linear("dense", hidden, hidden),
                c.numAttentionHeads(),
                c.headDim()),
        attention.at("output").layerNorm("LayerNorm", hidden, c.layerNormEps()),
        FeedForward.plain(
            w.at("intermediate").linear("dense", c.intermediateSize(), hidden),
            w.at("output").linear("dense", hidden, c.intermediateSize()),
            c.hiddenAct()),
        w.at("output").layerNorm("LayerNorm", hidden, c.layerNormEps()),
        NormPlacement.AFTER);
  }

  @Override
  public BertModel bert() {
    return this;
  }

  /** Adds a sequence to a batch. All its tokens have type 0. */
  public void append(TokenBatch batch, int[] ids) {
    append(batch, ids, null, null);
  }

  void append(
      TokenBatch batch, int[] ids, int[] typeIds, int[] attentionMask, GlobalTokens globals) {
    addTokens(batch, ids, typeIds, attentionMask, null);
    if (config.sparsity().isPresent()) {
      Sequence sequence = new Sequence(ids, typeIds, attentionMask);
      config.sparsity().get().append(batch, sequence, globals);
    }
  }

  void append(TokenBatch batch, Sequence sequence, GlobalTokens globals) {
    if (config.sparsity().isEmpty()) {
      sequence.requireAllSeen();
    }
    addTokens(
        batch,
        sequence.ids(),
        sequence.typeIds(),
        sequence.attentionMask(),
        sequence.positionIds());
    if (config.sparsity().isPresent()) {
      config.sparsity().get().append(batch, sequence, globals);
    }
  }

  private void addTokens(
      TokenBatch batch, int[] ids, int[] typeIds, int[] attentionMask, int[] positionIds) {
    int end = SequenceInput.requireValid(config, ids, typeIds, attentionMask);
    boolean followPadding = config.family().positionsFollowPadding();
    int padding = config.padTokenId();
    int next = followPadding ? padding + 1 : 0;
    for (int i = 0; i < end; i++) {
      int counted = followPadding && ids[i] == padding ? padding : next++;
      if (attentionMask == null || attentionMask[i] != 0) {
        int position = positionIds == null ? counted : positionIds[i];
        batch.add(ids[i], position, typeIds == null ? 0 : typeIds[i]);
      }
    }
    batch.endSequence();
  }

  /**
   * Evaluates the encoder.
   *
   * @param pass its trace receives {@code hidden_states.N}, {@code last_hidden_state} and, if there
   *     is a pooler, {@code pooler_output}
   * @return the last hidden states {@code [tokens, hidden]}, in the workspace; valid until its next
   *     pass
   * @throws IndexOutOfBoundsException if an id, position or token type is outside its table; the
   *     message names the token
   */
  @Override
  public MemorySegment forward(Pass pass) {
    return hiddenStates(pass);
  }

  @Override
  public MemorySegment hiddenStates(Pass pass) {
    int tokens = pass.batch().tokens();
    int hidden = config.hiddenSize();
    MemorySegment x = pass.floats(HIDDEN, (long) tokens * hidden);
    embed(pass, x);
    pass.report("hidden_states", 0, x, tokens, hidden);
    for (int i = 0; i < layers.size(); i++) {
      pass.enterLayer(i, layers.size());
      layers.get(i).forward(pass, x);
      pass.report("hidden_states", i + 1, x, tokens, hidden);
    }
    pass.report("last_hidden_state", x, tokens, hidden);
    if (pass.isTraced() && pooler.isPresent()) {
      reportPooled(pass, x, pooler.get());
    }
    pass.retainWanted(x, hidden);
    return x;
  }

  private void embed(Pass pass, MemorySegment x) {
    TokenBatch batch = pass.batch();
    if (projection.isEmpty()) {
      kernels.embedding().embedding(embeddings, batch, x, pass.workspace());
      return;
    }
    MemorySegment embedded = pass.floats(EMBEDDED, (long) batch.tokens() * embeddings.hidden());
    kernels.embedding().embedding(embeddings, batch, embedded, pass.workspace());
    projection.get().forward(pass, embedded, x, batch.tokens());
  }

  /** Evaluates the pooler on the first token of each sequence. */
  private void reportPooled(Pass pass, MemorySegment x, Linear pooler) {
    int hidden = config.hiddenSize();
    int sequences = pass.batch().sequences();
    MemorySegment first = pass.floats(FIRST_TOKENS, (long) sequences * hidden);
    MemorySegment y = pass.floats(POOLED, (long) sequences * hidden);
    kernels.embedding().pool(x, pass.batch().lengths(), first, hidden, Pooling.CLS, false);
    pooler.forward(pass, first, y, sequences, Activation.TANH);
    pass.report("pooler_output", y, sequences, hidden);
  }
}
