package dev.panaformer.bench.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.attention.FeatureMap;
import dev.panaformer.kernel.attention.LinformerShape;
import dev.panaformer.kernel.attention.PerformerShape;
import dev.panaformer.kernel.attention.RandomFeatures;
import dev.panaformer.kernel.attention.SequenceProjections;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.embedding.EmbeddingTables.Table;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.FeedForwardWeights;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;

/**
 * The library's own {@link Kernels}: either the native kernels, or the plain Java reference, which
 * sums in double.
 */
final class OffHeapSide implements KernelSide {
  private final Kernels kernels;
  private final int tokens;
  private final int hidden;
  private final int heads;
  private final int intermediate;
  private final float scale;
  private final NativeMemory memory = new NativeMemory();
  private final Workspace workspace = new Workspace();
  private final TokenBatch batch = workspace.batch();
  private final MemorySegment x;
  private final MemorySegment residual;
  private final MemorySegment qkv;
  private final MemorySegment wide;
  private final MemorySegment scores;
  private final MemorySegment bias;
  private final MemorySegment upBias;
  private final MemorySegment normWeight;
  private final MemorySegment y;
  private final PackedWeight square;
  private final PackedWeight up;
  private final PackedWeight down;
  private final EmbeddingTables tables;
  private final SequenceProjections projections;
  private final RandomFeatures features;

  /**
   * @param kernels closed with this side
   */
  OffHeapSide(Kernels kernels, KernelInputs in) {
    this.kernels = kernels;
    tokens = in.tokens;
    hidden = in.hidden;
    heads = in.heads;
    intermediate = in.intermediate;
    scale = in.attentionScale();
    x = copy(in.x);
    residual = copy(in.residual);
    qkv = copy(in.qkv);
    wide = copy(in.wide);
    scores = copy(in.scores);
    bias = copy(in.bias);
    upBias = copy(in.upBias);
    normWeight = copy(in.normWeight);
    y = memory.allocate((long) in.largestOutput() * Float.BYTES, NativeMemory.ALIGNMENT);
    square = kernels.packing().pack("square", copy(in.square), hidden, hidden, memory);
    up = kernels.packing().pack("up", copy(in.up), intermediate, hidden, memory);
    down = kernels.packing().pack("down", copy(in.down), hidden, intermediate, memory);
    tables =
        new EmbeddingTables(
            new Table(copy(in.words), in.vocab),
            new Table(copy(in.positions), KernelInputs.POSITIONS),
            new Table(copy(in.types), 2),
            new NormWeights(normWeight, bias, hidden, KernelInputs.EPS));
    projections =
        new SequenceProjections(
            copy(in.keyProjection),
            copy(in.valueProjection),
            KernelInputs.POSITIONS,
            KernelInputs.PROJECTED);
    features =
        RandomFeatures.of(
            FeatureMap.SOFTMAX, copy(in.randomFeatures), KernelInputs.PROJECTED, in.headDim());
    int token = 0;
    for (int length : in.lengths) {
      for (int position = 0; position < length; position++) {
        batch.add(in.ids[token++], position, 0);
      }
      batch.endSequence();
    }
  }

  private MemorySegment copy(float[] values) {
    return memory.allocateFrom(JAVA_FLOAT, values);
  }

  @Override
  public void linear() {
    kernels
        .linear()
        .linear(x, new LinearWeights(square, bias), MemorySegment.NULL, y, tokens, Activation.NONE);
  }

  @Override
  public void feedForward() {
    kernels
        .linear()
        .feedForward(
            x,
            FeedForwardWeights.plain(
                new LinearWeights(up, upBias), new LinearWeights(down, bias), Activation.GELU_ERF),
            residual,
            y,
            tokens,
            workspace);
  }

  @Override
  public void attention() {
    kernels
        .attention()
        .attention(
            Attention.in(workspace).of(heads, heads, hidden / heads, scale).packed(qkv, y, batch),
            workspace);
  }

  @Override
  public void linformerAttention() {
    kernels
        .attention()
        .linformerAttention(
            qkv,
            new LinformerShape(projections, heads, hidden / heads, scale),
            batch,
            y,
            workspace);
  }

  @Override
  public void performerAttention() {
    kernels
        .attention()
        .performerAttention(qkv, new PerformerShape(features, heads, false), batch, y, workspace);
  }

  @Override
  public void layerNorm() {
    kernels
        .norm()
        .layerNorm(
            x, residual, new NormWeights(normWeight, bias, hidden, KernelInputs.EPS), y, tokens);
  }

  @Override
  public void rmsNorm() {
    kernels
        .norm()
        .rmsNorm(x, residual, new NormWeights(normWeight, hidden, KernelInputs.EPS), y, tokens);
  }

  @Override
  public void softmax() {
    kernels.norm().softmax(scores, y, (long) heads * tokens, tokens);
  }

  @Override
  public void activate() {
    kernels.linear().activate(wide, y, (long) tokens * intermediate, Activation.GELU_ERF);
  }

  @Override
  public void embedding() {
    kernels.embedding().embedding(tables, batch, y, workspace);
  }

  @Override
  public void pool() {
    kernels.embedding().pool(x, batch.lengths(), y, hidden, Pooling.MEAN, true);
  }

  @Override
  public float[] result(int count) {
    return y.asSlice(0, (long) count * Float.BYTES).toArray(JAVA_FLOAT);
  }

  @Override
  public void close() {
    workspace.close();
    memory.close();
    kernels.close();
  }
}
