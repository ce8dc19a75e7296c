package dev.panaformer.model;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import dev.panaformer.nn.EncoderLayer;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.SelfAttention;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The encoder of BERT (Devlin et al. 2018) and its family: embeddings, then layers that normalise
 * after each residual connection.
 *
 * @param projection from the width of the embeddings to that of the layers, where they differ
 * @param layers in the order of the pass; those that share weights are one object, packed once
 * @param pooler what Hugging Face's {@code pooler_output} comes from; many checkpoints have none
 */
public record BertModel(
    BertConfig config,
    Kernels kernels,
    EmbeddingTables embeddings,
    Optional<Linear> projection,
    List<EncoderLayer> layers,
    Optional<Linear> pooler)
    implements BertTask {

  /**
   * Loads the encoder, with or without a head in the same checkpoint.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has not the
   *     shape that the configuration says
   */
  public static BertModel load(Weights weights, BertConfig config) {
    return load(weights, config, Optional.empty());
  }

  /**
   * The same with words that a head shares.
   *
   * @param words {@code [vocab, embedding]}; read here where there are none
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
      Weights w, BertConfig c, Optional<PackedWeight> ofHead) {
    int width = c.embeddingSize();
    int types = c.typeVocabSize();
    LayerNorm norm = w.layerNorm("LayerNorm", width, c.layerNormEps());
    boolean packs = w.precision() != WeightFormat.FP32;
    Optional<PackedWeight> packed =
        ofHead.or(() ->
            packs
                ? Optional.of(w.packed("word_embeddings.weight", c.vocabSize(), width))
                : Optional.empty());
    EmbeddingTables tables =
        new EmbeddingTables(
            packed.isPresent()
                ? MemorySegment.NULL
                : w.tensor("word_embeddings.weight", c.vocabSize(), width),
            w.tensor("position_embeddings.weight", c.maxPositionEmbeddings(), width),
            types > 0 ? w.tensor("token_type_embeddings.weight", types, width) : MemorySegment.NULL,
            norm.weights().weight(),
            norm.weights().bias(),
            c.vocabSize(),
            c.maxPositionEmbeddings(),
            types,
            width,
            norm.weights().eps());
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

  /** Adds a sequence, of token type 0 throughout, to a batch. */
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

  /** {@link #forward(TokenBatch, Workspace, Trace)} without a trace. */
  public MemorySegment forward(TokenBatch batch, Workspace workspace) {
    return forward(batch, workspace, null);
  }

  /**
   * Runs a batch.
   *
   * @param trace told {@code hidden_states.N}, {@code last_hidden_state} and, where there is a
   *     pooler, {@code pooler_output}; or null
   * @return the last hidden states {@code [tokens, hidden]}, in the workspace until its next pass
   * @throws IndexOutOfBoundsException if an id, position or token type is outside its table, naming
   *     the token
   */
  @Override
  public MemorySegment forward(TokenBatch batch, Workspace workspace, Trace trace) {
    return hiddenStates(batch, batch, workspace, trace);
  }

  @Override
  public MemorySegment hiddenStates(
      TokenBatch batch, TokenBatch queries, Workspace workspace, Trace trace) {
    int tokens = batch.tokens();
    int hidden = config.hiddenSize();
    MemorySegment x = workspace.floats(Buffer.HIDDEN, (long) tokens * hidden);
    embed(x, batch, workspace);
    trace(trace, 0, x, tokens);
    TokenBatch last = trace == null ? queries : batch;
    for (int i = 0; i < layers.size(); i++) {
      layers.get(i).forward(kernels, x, batch, i + 1 < layers.size() ? batch : last, workspace);
      trace(trace, i + 1, x, tokens);
    }
    if (trace != null) {
      trace.accept("last_hidden_state", x, tokens, hidden);
      tracePooler(trace, x, batch, workspace);
    }
    if (queries != last) {
      kernels.memory().retainRows(x, tokens, hidden, queries, workspace);
    }
    return x;
  }

  private void embed(MemorySegment x, TokenBatch batch, Workspace workspace) {
    if (projection.isEmpty()) {
      kernels.embedding().embedding(embeddings, batch, x, workspace);
      return;
    }
    MemorySegment embedded =
        workspace.floats(Buffer.NORMED, (long) batch.tokens() * embeddings.hidden());
    kernels.embedding().embedding(embeddings, batch, embedded, workspace);
    projection.get().forward(kernels, embedded, x, batch.tokens());
  }

  private void trace(Trace trace, int layer, MemorySegment x, int tokens) {
    if (trace != null) {
      trace.accept("hidden_states." + layer, x, tokens, config.hiddenSize());
    }
  }

  private void tracePooler(Trace trace, MemorySegment x, TokenBatch batch, Workspace workspace) {
    if (pooler.isPresent()) {
      MemorySegment first = firstTokens(x, batch, workspace);
      MemorySegment y =
          workspace.floats(Buffer.HEAD, (long) batch.sequences() * config.hiddenSize());
      pooler.get().forward(kernels, first, y, batch.sequences(), Activation.TANH);
      trace.accept("pooler_output", y, batch.sequences(), config.hiddenSize());
    }
  }

  /** The hidden states of each sequence's first token, {@code [sequences, hidden]}. */
  private MemorySegment firstTokens(MemorySegment x, TokenBatch batch, Workspace workspace) {
    MemorySegment y =
        workspace.floats(Buffer.POOLED, (long) batch.sequences() * config.hiddenSize());
    kernels.embedding().pool(x, batch, y, config.hiddenSize(), Pooling.CLS, false);
    return y;
  }
}
