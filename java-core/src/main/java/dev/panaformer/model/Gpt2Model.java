package dev.panaformer.model;

import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.EmbeddingTables;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.PackedWeight;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * GPT-2 (Radford et al. 2019): learned positions, layers that normalise before each of their parts,
 * a head that shares the word embeddings.
 */
public record Gpt2Model(
    Gpt2Config config,
    Kernels kernels,
    EmbeddingTables embeddings,
    List<Layer> layers,
    LayerNorm norm,
    PackedWeight head)
    implements CausalModel {

  record Layer(
      LayerNorm attentionNorm,
      Linear qkv,
      Linear output,
      LayerNorm feedForwardNorm,
      Linear up,
      Linear down) {}

  static Gpt2Model load(Weights w, Gpt2Config c) {
    int hidden = c.hiddenSize();
    float eps = c.layerNormEpsilon();
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
    List<Layer> layers = new ArrayList<>();
    for (int i = 0; i < c.numLayers(); i++) {
      Weights layer = w.at("h." + i);
      layers.add(
          new Layer(
              layer.layerNorm("ln_1", hidden, eps),
              layer.at("attn").transposed("c_attn", 3L * hidden, hidden),
              layer.at("attn").transposed("c_proj", hidden, hidden),
              layer.layerNorm("ln_2", hidden, eps),
              layer.at("mlp").transposed("c_fc", c.intermediateSize(), hidden),
              layer.at("mlp").transposed("c_proj", hidden, c.intermediateSize())));
    }
    String head = c.tied() ? "wte.weight" : "lm_head.weight";
    return new Gpt2Model(
        c,
        w.kernels(),
        embeddings,
        List.copyOf(layers),
        w.layerNorm("ln_f", hidden, eps),
        w.packed(head, c.vocabSize(), hidden));
  }

  @Override
  public MemorySegment forward(
      DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    int tokens = batch.tokens().tokens();
    int hidden = config.hiddenSize();
    long width = (long) tokens * hidden;
    MemorySegment x = workspace.floats(Buffer.HIDDEN, width);
    MemorySegment normed = workspace.floats(Buffer.NORMED, width);
    MemorySegment qkv = workspace.floats(Buffer.QKV, 3 * width);
    MemorySegment context = workspace.floats(Buffer.CONTEXT, width);
    kernels.embedding(embeddings, batch.tokens(), x, workspace);
    for (int i = 0; i < layers.size(); i++) {
      if (trace != null) {
        trace.accept("hidden_states." + i, x, tokens, hidden);
      }
      Layer layer = layers.get(i);
      layer.attentionNorm.forward(kernels, x, normed, tokens);
      layer.qkv.forward(kernels, normed, qkv, tokens);
      kernels.kvStore(qkv, hidden, 3L * hidden, batch, cache, i, workspace);
      kernels.pagedAttention(
          qkv,
          3L * hidden,
          context,
          batch,
          cache,
          i,
          config.numHeads(),
          config.scale(i),
          0,
          workspace);
      layer.output.add(kernels, context, x, tokens);
      layer.feedForwardNorm.forward(kernels, x, normed, tokens);
      kernels.feedForward(
          normed,
          layer.up.weight(),
          layer.up.bias(),
          layer.down.weight(),
          layer.down.bias(),
          config.activation(),
          x,
          x,
          tokens,
          workspace);
    }
    norm.forward(kernels, x, normed, tokens);
    if (trace != null) {
      trace.accept("hidden_states." + layers.size(), normed, tokens, hidden);
    }
    return normed;
  }
}
