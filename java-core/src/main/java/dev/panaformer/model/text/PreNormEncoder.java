package dev.panaformer.model.text;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.embedding.EmbeddingTables.Table;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.norm.NormWeights;
import dev.panaformer.nn.EncoderLayer;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.OrthogonalFeatures;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The encoder of Linformer and Performer, which differ only in their attention. It adds embeddings
 * of words and positions. Each residual block normalises its input (pre-LN, Xiong et al. 2020), and
 * a last norm follows the layers.
 */
public record PreNormEncoder(
    PreNormConfig config,
    Kernels kernels,
    EmbeddingTables embeddings,
    List<EncoderLayer> layers,
    LayerNorm norm)
    implements TextEncoder {
  private static final Buffer HIDDEN = Buffer.named("hidden states");

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  static PreNormEncoder load(Weights weights, PreNormConfig config) {
    PreNormConfig.Shape shape = config.shape();
    List<EncoderLayer> layers = new ArrayList<>();
    for (int i = 0; i < shape.numHiddenLayers(); i++) {
      layers.add(layer(weights.at("layers." + i), config, i));
    }
    return new PreNormEncoder(
        config,
        weights.kernels(),
        embeddings(weights.at("embeddings"), shape),
        List.copyOf(layers),
        weights.layerNorm("final_layer_norm", shape.hiddenSize(), shape.layerNormEps()));
  }

  private static EmbeddingTables embeddings(Weights w, PreNormConfig.Shape s) {
    int hidden = s.hiddenSize();
    return new EmbeddingTables(
        new Table(w.tensor("word_embeddings.weight", s.vocabSize(), hidden), s.vocabSize()),
        new Table(
            w.tensor("position_embeddings.weight", s.maxPositionEmbeddings(), hidden),
            s.maxPositionEmbeddings()),
        Table.NONE,
        NormWeights.absent(hidden));
  }

  private static EncoderLayer layer(Weights w, PreNormConfig config, int index) {
    PreNormConfig.Shape s = config.shape();
    int hidden = s.hiddenSize();
    return new EncoderLayer(
        config.attention(w.at("attention"), index),
        w.layerNorm("attention_layer_norm", hidden, s.layerNormEps()),
        FeedForward.plain(
            w.linear("intermediate", s.intermediateSize(), hidden),
            w.linear("output", hidden, s.intermediateSize()),
            s.hiddenAct()),
        w.layerNorm("ffn_layer_norm", hidden, s.layerNormEps()),
        NormPlacement.BEFORE);
  }

  @Override
  public void append(TokenBatch batch, int[] ids, int[] typeIds, int[] attentionMask) {
    append(batch, new Sequence(ids, typeIds, attentionMask));
  }

  @Override
  public void append(TokenBatch batch, Sequence sequence) {
    sequence.requireAllSeen();
    int[] positions = sequence.positionIds();
    int end =
        SequenceInput.requireValid(
            config, sequence.ids(), sequence.typeIds(), sequence.attentionMask());
    for (int i = 0; i < end; i++) {
      if (sequence.isToken(i)) {
        batch.add(sequence.ids()[i], positions == null ? i : positions[i], 0);
      }
    }
    batch.endSequence();
  }

  /**
   * Evaluates the encoder.
   *
   * @param pass its trace receives {@code hidden_states.N}, which are before the last norm, and
   *     {@code last_hidden_state}, which is after it
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
    kernels.embedding().embedding(embeddings, pass.batch(), x, pass.workspace());
    pass.report("hidden_states", 0, x, tokens, hidden);
    for (int i = 0; i < layers.size(); i++) {
      pass.enterLayer(i, layers.size());
      layers.get(i).forward(pass, x);
      pass.report("hidden_states", i + 1, x, tokens, hidden);
    }
    norm.forward(pass, x, x, pass.rows().count());
    pass.report("last_hidden_state", x, tokens, hidden);
    pass.retainWanted(x, hidden);
    return x;
  }

  @Override
  public void redrawFeatures(long seed) {
    for (int i = 0; i < layers.size(); i++) {
      long layerSeed = OrthogonalFeatures.layerSeed(seed, i);
      layers.get(i).attention().redrawFeatures(kernels, layerSeed);
    }
  }
}
