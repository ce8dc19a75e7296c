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
import dev.panaformer.nn.CausalAttention;
import dev.panaformer.nn.DecoderLayer;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.GatedFeedForward;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleUnaryOperator;

/**
 * Llama (Touvron et al. 2023): rotary positions, RMS norms before each part of a layer, gated
 * feed-forward networks, key and value heads that several query heads may share.
 */
public record LlamaModel(LlamaConfig config, Kernels kernels, DecoderStack stack, PackedWeight head)
    implements CausalModel {

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
    RotaryTables rotary = rotary(w, c);
    List<DecoderLayer> layers = new ArrayList<>();
    for (int i = 0; i < c.numLayers(); i++) {
      layers.add(layer(w.at("layers." + i), c, rotary, i));
    }
    String head = c.tied() ? "embed_tokens.weight" : "lm_head.weight";
    return new LlamaModel(
        c,
        w.kernels(),
        new DecoderStack(
            embeddings, List.copyOf(layers), w.rmsNorm("norm", hidden, c.rmsNormEps())),
        w.packed(head, c.vocabSize(), hidden));
  }

  private static DecoderLayer layer(Weights w, LlamaConfig c, RotaryTables rotary, int index) {
    long hidden = c.hiddenSize();
    long inner = c.intermediateSize();
    long queries = (long) c.numHeads() * c.headDim();
    long keys = (long) c.kvHeads() * c.headDim();
    CausalAttention attention =
        new CausalAttention(
            w.at("self_attn")
                .stacked(
                    hidden,
                    c.attentionBias(),
                    List.of("q_proj", "k_proj", "v_proj"),
                    List.of(queries, keys, keys)),
            w.at("self_attn").unbiased("o_proj", hidden, queries),
            Optional.of(rotary),
            c.numHeads(),
            c.kvHeads(),
            c.headDim(),
            (float) (1 / Math.sqrt(c.headDim())),
            c.window(index));
    FeedForward feedForward =
        new GatedFeedForward(
            w.at("mlp").packed("gate_proj.weight", inner, hidden),
            w.at("mlp").packed("up_proj.weight", inner, hidden),
            w.at("mlp").packed("down_proj.weight", hidden, inner),
            Activation.SILU);
    return new DecoderLayer(
        w.rmsNorm("input_layernorm", hidden, c.rmsNormEps()),
        attention,
        w.rmsNorm("post_attention_layernorm", hidden, c.rmsNormEps()),
        feedForward);
  }

  private static RotaryTables rotary(Weights w, LlamaConfig c) {
    MemorySegment cos = table(w, c, Math::cos);
    MemorySegment sin = table(w, c, Math::sin);
    return new RotaryTables(cos, sin, c.contextLength(), c.headDim());
  }

  private static MemorySegment table(Weights w, LlamaConfig c, DoubleUnaryOperator function) {
    int half = c.headDim() / 2;
    long positions = c.contextLength();
    return w.floats(
        positions * half,
        table -> {
          for (int i = 0; i < half; i++) {
            double frequency = c.rope().frequency(i, c.headDim());
            for (long p = 0; p < positions; p++) {
              table.setAtIndex(
                  JAVA_FLOAT, p * half + i, (float) function.applyAsDouble(p * frequency));
            }
          }
        });
  }

  @Override
  public MemorySegment forward(
      DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    return stack.forward(kernels, batch, cache, workspace, trace);
  }
}
