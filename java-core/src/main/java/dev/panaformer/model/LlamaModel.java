package dev.panaformer.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Activation;
import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.EmbeddingTables;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.PackedWeight;
import dev.panaformer.kernel.RotaryTables;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Llama (Touvron et al. 2023): rotary positions, RMS norms before each part of a layer, gated
 * feed-forward networks, key and value heads that several query heads may share.
 *
 * @param norm {@code [hidden]}, of the final norm
 */
public record LlamaModel(
    LlamaConfig config,
    Kernels kernels,
    EmbeddingTables embeddings,
    RotaryTables rotary,
    List<Layer> layers,
    MemorySegment norm,
    PackedWeight head)
    implements CausalModel {

  record Layer(
      MemorySegment attentionNorm,
      Linear qkv,
      Linear output,
      MemorySegment feedForwardNorm,
      Linear gate,
      Linear up,
      Linear down) {}

  static LlamaModel load(Weights w, LlamaConfig c) {
    int hidden = c.hiddenSize();
    EmbeddingTables embeddings =
        new EmbeddingTables(
            w.tensor("embed_tokens.weight", c.vocabSize(), hidden),
            MemorySegment.NULL,
            MemorySegment.NULL,
            MemorySegment.NULL,
            MemorySegment.NULL,
            c.vocabSize(),
            0,
            0,
            hidden,
            0);
    List<Layer> layers = new ArrayList<>();
    for (int i = 0; i < c.numLayers(); i++) {
      layers.add(layer(w.at("layers." + i), c));
    }
    String head = c.tied() ? "embed_tokens.weight" : "lm_head.weight";
    return new LlamaModel(
        c,
        w.kernels(),
        embeddings,
        rotary(w, c),
        List.copyOf(layers),
        w.tensor("norm.weight", hidden),
        w.packed(head, c.vocabSize(), hidden));
  }

  private static Layer layer(Weights w, LlamaConfig c) {
    long hidden = c.hiddenSize();
    long inner = c.intermediateSize();
    long queries = (long) c.numHeads() * c.headDim();
    long keys = (long) c.kvHeads() * c.headDim();
    Weights attention = w.at("self_attn");
    return new Layer(
        w.tensor("input_layernorm.weight", hidden),
        attention.stacked(
            hidden,
            c.attentionBias(),
            List.of("q_proj", "k_proj", "v_proj"),
            List.of(queries, keys, keys)),
        attention.unbiased("o_proj", hidden, queries),
        w.tensor("post_attention_layernorm.weight", hidden),
        w.at("mlp").unbiased("gate_proj", inner, hidden),
        w.at("mlp").unbiased("up_proj", inner, hidden),
        w.at("mlp").unbiased("down_proj", hidden, inner));
  }

  private static RotaryTables rotary(Weights w, LlamaConfig c) {
    int half = c.headDim() / 2;
    long positions = c.contextLength();
    MemorySegment cos = w.floats(positions * half);
    MemorySegment sin = w.floats(positions * half);
    for (int i = 0; i < half; i++) {
      double frequency = c.rope().frequency(i, c.headDim());
      for (long p = 0; p < positions; p++) {
        cos.setAtIndex(JAVA_FLOAT, p * half + i, (float) Math.cos(p * frequency));
        sin.setAtIndex(JAVA_FLOAT, p * half + i, (float) Math.sin(p * frequency));
      }
    }
    return new RotaryTables(cos, sin, positions, c.headDim());
  }

  @Override
  public MemorySegment forward(
      DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    int tokens = batch.tokens().tokens();
    int hidden = config.hiddenSize();
    int headDim = config.headDim();
    long queries = (long) config.numHeads() * headDim;
    long row = queries + 2L * config.kvHeads() * headDim;
    float scale = (float) (1 / Math.sqrt(headDim));
    MemorySegment x = workspace.floats(Buffer.HIDDEN, (long) tokens * hidden);
    MemorySegment normed = workspace.floats(Buffer.NORMED, (long) tokens * hidden);
    MemorySegment qkv = workspace.floats(Buffer.QKV, tokens * row);
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * queries);
    kernels.embedding(embeddings, batch.tokens(), x, workspace);
    for (int i = 0; i < layers.size(); i++) {
      if (trace != null) {
        trace.accept("hidden_states." + i, x, tokens, hidden);
      }
      Layer layer = layers.get(i);
      norm(x, layer.attentionNorm, normed, tokens);
      layer.qkv.forward(kernels, normed, qkv, tokens);
      // Queries and keys lie side by side, head by head.
      long turning = config.numHeads() + config.kvHeads();
      kernels.rope(rotary, qkv, batch.tokens(), turning, row, headDim, workspace);
      kernels.kvStore(qkv, queries, row, batch, cache, i, workspace);
      kernels.pagedAttention(
          qkv,
          row,
          context,
          batch,
          cache,
          i,
          config.numHeads(),
          scale,
          config.window(i),
          workspace);
      layer.output.add(kernels, context, x, tokens);
      norm(x, layer.feedForwardNorm, normed, tokens);
      kernels.gatedFeedForward(
          normed,
          layer.gate.weight(),
          layer.up.weight(),
          layer.down.weight(),
          Activation.SILU,
          x,
          x,
          tokens,
          workspace);
    }
    norm(x, norm, normed, tokens);
    if (trace != null) {
      trace.accept("hidden_states." + layers.size(), normed, tokens, hidden);
    }
    return normed;
  }

  private void norm(MemorySegment x, MemorySegment weight, MemorySegment y, int tokens) {
    kernels.rmsNorm(
        x, MemorySegment.NULL, weight, y, tokens, config.hiddenSize(), config.rmsNormEps());
  }
}
