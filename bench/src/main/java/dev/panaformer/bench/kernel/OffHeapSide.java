package dev.panaformer.bench.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Activation;
import dev.panaformer.kernel.EmbeddingTables;
import dev.panaformer.kernel.FeatureMap;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeMemory;
import dev.panaformer.kernel.PackedWeight;
import dev.panaformer.kernel.Pooling;
import dev.panaformer.kernel.RandomFeatures;
import dev.panaformer.kernel.SequenceProjections;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * The library's own {@link Kernels}: the native ones, or the plain Java reference that sums in
 * double.
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
    square = kernels.pack("square", copy(in.square), hidden, hidden, memory);
    up = kernels.pack("up", copy(in.up), intermediate, hidden, memory);
    down = kernels.pack("down", copy(in.down), hidden, intermediate, memory);
    tables =
        new EmbeddingTables(
            copy(in.words),
            copy(in.positions),
            copy(in.types),
            normWeight,
            bias,
            in.vocab,
            KernelInputs.POSITIONS,
            2,
            hidden,
            KernelInputs.EPS);
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
    kernels.linear(x, square, bias, MemorySegment.NULL, y, tokens, Activation.NONE);
  }

  @Override
  public void feedForward() {
    kernels.feedForward(
        x, up, upBias, down, bias, Activation.GELU_ERF, residual, y, tokens, workspace);
  }

  @Override
  public void attention() {
    kernels.attention(
        workspace.attention().of(heads, heads, hidden / heads, scale).packed(qkv, y, batch),
        workspace);
  }

  @Override
  public void linformerAttention() {
    kernels.linformerAttention(qkv, projections, batch, y, heads, hidden / heads, scale, workspace);
  }

  @Override
  public void performerAttention() {
    kernels.performerAttention(qkv, features, batch, y, heads, false, workspace);
  }

  @Override
  public void layerNorm() {
    kernels.layerNorm(x, residual, normWeight, bias, y, tokens, hidden, KernelInputs.EPS);
  }

  @Override
  public void rmsNorm() {
    kernels.rmsNorm(x, residual, normWeight, y, tokens, hidden, KernelInputs.EPS);
  }

  @Override
  public void softmax() {
    kernels.softmax(scores, y, (long) heads * tokens, tokens);
  }

  @Override
  public void activate() {
    kernels.activate(wide, y, (long) tokens * intermediate, Activation.GELU_ERF);
  }

  @Override
  public void embedding() {
    kernels.embedding(tables, batch, y, workspace);
  }

  @Override
  public void pool() {
    kernels.pool(x, batch, y, hidden, Pooling.MEAN, true);
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
