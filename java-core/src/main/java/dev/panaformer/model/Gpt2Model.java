package dev.panaformer.model;

import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.EmbeddingTables;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.PackedWeight;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.nn.CausalAttention;
import dev.panaformer.nn.DecoderLayer;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.PlainFeedForward;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * GPT-2 (Radford et al. 2019): learned positions, layers that normalise before each of their parts,
 * a head that shares the word embeddings.
 */
public record Gpt2Model(Gpt2Config config, Kernels kernels, DecoderStack stack, PackedWeight head)
    implements CausalModel {

  static Gpt2Model load(Weights w, Gpt2Config c) {
    int hidden = c.hiddenSize();
    EmbeddingTables embeddings =
        new EmbeddingTables(
            w.tensor("wte.weight", c.vocabSize(), hidden),
            w.tensor("wpe.weight", c.contextLength(), hidden),
            MemorySegment.NULL,
            MemorySegment.NULL,
            MemorySegment.NULL,
            c.vocabSize(),
            c.contextLength(),
            0,
            hidden,
            0);
    List<DecoderLayer> layers = new ArrayList<>();
    for (int i = 0; i < c.numLayers(); i++) {
      layers.add(layer(w.at("h." + i), c, i));
    }
    String head = c.tied() ? "wte.weight" : "lm_head.weight";
    return new Gpt2Model(
        c,
        w.kernels(),
        new DecoderStack(
            embeddings, List.copyOf(layers), w.layerNorm("ln_f", hidden, c.layerNormEpsilon())),
        w.packed(head, c.vocabSize(), hidden));
  }

  private static DecoderLayer layer(Weights w, Gpt2Config c, int index) {
    int hidden = c.hiddenSize();
    float eps = c.layerNormEpsilon();
    CausalAttention attention =
        new CausalAttention(
            w.at("attn").transposed("c_attn", 3L * hidden, hidden),
            w.at("attn").transposed("c_proj", hidden, hidden),
            Optional.empty(),
            c.numHeads(),
            c.numHeads(),
            c.headDim(),
            c.scale(index),
            0);
    FeedForward feedForward =
        new PlainFeedForward(
            w.at("mlp").transposed("c_fc", c.intermediateSize(), hidden),
            w.at("mlp").transposed("c_proj", hidden, c.intermediateSize()),
            c.activation());
    return new DecoderLayer(
        w.layerNorm("ln_1", hidden, eps), attention, w.layerNorm("ln_2", hidden, eps), feedForward);
  }

  @Override
  public MemorySegment forward(
      DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    return stack.forward(kernels, batch, cache, workspace, trace);
  }
}
