package dev.panaformer.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.image.DepthwiseWeights;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.image.PatchGrid;
import dev.panaformer.kernel.image.PatchLayer;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * SegFormer's encoder (Xie et al. 2021): stages of overlapping patches, each at a lower resolution,
 * whose attention sees a reduced map and whose feed-forward networks see the neighbours.
 */
public record SegformerModel(SegformerConfig config, Kernels kernels, List<Stage> stages)
    implements VisionEncoder {
  /** What the reference normalises with: the field of config.json is not read by it. */
  private static final float EPS = 1e-5f;

  private static final int NEIGHBOURS = 3;

  /**
   * Attention whose keys and values come from a reduced map.
   *
   * @param reduction of {@code ratio × ratio} places to one, where the ratio is above 1
   * @param kv {@code [2 hidden, hidden]}: keys, values
   */
  record ReducedAttention(
      Linear query,
      Linear kv,
      Linear output,
      int heads,
      int ratio,
      Optional<Linear> reduction,
      Optional<LayerNorm> reductionNorm) {}

  /**
   * A feed-forward network with a depthwise convolution in its middle.
   *
   * @param neighbours {@code [3, 3, intermediate]}
   */
  record MixFeedForward(
      Linear up,
      MemorySegment neighbours,
      MemorySegment bias,
      Linear down,
      Activation activation) {}

  record Layer(
      LayerNorm attentionNorm, ReducedAttention attention, LayerNorm mixNorm, MixFeedForward mix) {}

  record Stage(
      Linear patches,
      LayerNorm patchNorm,
      int patch,
      int stride,
      List<Layer> layers,
      LayerNorm norm) {
    int hidden() {
      return Math.toIntExact(patches.out());
    }
  }

  /** Told the map that each stage puts out, while it lies in the workspace. */
  interface StageConsumer {
    /**
     * @param x {@code [count, height, width, hidden of the stage]}
     */
    void accept(int stage, MemorySegment x, int height, int width);
  }

  /**
   * Loads the encoder, with or without a head in the same checkpoint.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has not the
   *     shape that the configuration says
   */
  public static SegformerModel load(Weights weights, SegformerConfig c) {
    List<Stage> stages = new ArrayList<>();
    for (int i = 0; i < c.stages(); i++) {
      stages.add(stage(weights.at("encoder"), c, i));
    }
    return new SegformerModel(c, weights.kernels(), List.copyOf(stages));
  }

  private static Stage stage(Weights encoder, SegformerConfig c, int i) {
    int hidden = c.hiddenSizes().get(i);
    int in = i == 0 ? c.numChannels() : c.hiddenSizes().get(i - 1);
    int patch = c.patchSizes().get(i);
    Weights embeddings = encoder.at("patch_embeddings." + i);
    List<Layer> layers = new ArrayList<>();
    for (int j = 0; j < c.depths().get(i); j++) {
      layers.add(layer(encoder.at("block." + i + "." + j), c, i));
    }
    return new Stage(
        (i == 0 ? embeddings.inFp32() : embeddings)
            .convolution("proj", hidden, in, patch, patch, i > 0),
        embeddings.layerNorm("layer_norm", hidden, EPS),
        patch,
        c.strides().get(i),
        List.copyOf(layers),
        encoder.layerNorm("layer_norm." + i, hidden, EPS));
  }

  private static Layer layer(Weights w, SegformerConfig c, int stage) {
    int hidden = c.hiddenSizes().get(stage);
    int ratio = c.srRatios().get(stage);
    int intermediate = (int) (hidden * c.mlpRatios().get(stage));
    Weights self = w.at("attention.self");
    Weights mlp = w.at("mlp");
    return new Layer(
        w.layerNorm("layer_norm_1", hidden, EPS),
        new ReducedAttention(
            self.linear("query", hidden, hidden),
            self.concatenated(hidden, hidden, "key", "value"),
            w.at("attention.output").linear("dense", hidden, hidden),
            c.numAttentionHeads().get(stage),
            ratio,
            ratio > 1
                ? Optional.of(self.convolution("sr", hidden, hidden, ratio, ratio, true))
                : Optional.empty(),
            ratio > 1 ? Optional.of(self.layerNorm("layer_norm", hidden, EPS)) : Optional.empty()),
        w.layerNorm("layer_norm_2", hidden, EPS),
        new MixFeedForward(
            mlp.linear("dense1", intermediate, hidden),
            mlp.depthwise("dwconv.dwconv.weight", intermediate, NEIGHBOURS),
            mlp.tensor("dwconv.dwconv.bias", intermediate),
            mlp.linear("dense2", hidden, intermediate),
            c.hiddenAct()));
  }

  @Override
  public Layout layout(int height, int width) {
    int rows = height;
    int columns = width;
    for (Stage stage : stages) {
      PatchGrid grid = grid(stage, 1, rows, columns, false);
      rows = Math.toIntExact(grid.rows());
      columns = Math.toIntExact(grid.columns());
    }
    return new Layout(0, rows, columns, 0, config.hiddenSizes().getLast());
  }

  private static PatchGrid grid(
      Stage stage, long channels, int height, int width, boolean channelsLast) {
    return PatchGrid.overlapping(
        channels, height, width, stage.patch(), stage.stride(), stage.patch() / 2, channelsLast);
  }

  /**
   * Runs images.
   *
   * @return the last stage's map {@code [count, height, width, hidden]}
   */
  @Override
  public MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace) {
    return forward(images, workspace, trace, (stage, x, height, width) -> {});
  }

  MemorySegment forward(Images images, Workspace workspace, Trace trace, StageConsumer consumer) {
    images.requireChannels(config.numChannels());
    MemorySegment x = images.pixels();
    int height = images.height();
    int width = images.width();
    for (int i = 0; i < stages.size(); i++) {
      Stage stage = stages.get(i);
      long channels = i == 0 ? config.numChannels() : stages.get(i - 1).hidden();
      PatchGrid grid = grid(stage, channels, height, width, i > 0);
      if (grid.rows() < 1 || grid.columns() < 1) {
        throw new IllegalArgumentException(
            String.format(
                "an image of %d x %d pixels, too small for stage %d of the model",
                images.width(), images.height(), i));
      }
      height = Math.toIntExact(grid.rows());
      width = Math.toIntExact(grid.columns());
      x =
          forward(
              stage, grid, x, images.count(), i % 2 == 0 ? Buffer.HIDDEN : Buffer.MAP, workspace);
      consumer.accept(i, x, height, width);
      if (trace != null) {
        boolean last = i + 1 == stages.size();
        MemorySegment read =
            kernels.memory().onHost(x, images.count() * grid.patches() * stage.hidden(), workspace);
        traceMap(trace, "hidden_states." + i, read, images.count(), height, width, stage, last);
        if (last) {
          traceMap(trace, "last_hidden_state", read, images.count(), height, width, stage, true);
        }
      }
    }
    return x;
  }

  private MemorySegment forward(
      Stage stage,
      PatchGrid grid,
      MemorySegment in,
      int images,
      Buffer buffer,
      Workspace workspace) {
    long hidden = stage.hidden();
    long tokens = images * grid.patches();
    MemorySegment x = workspace.floats(buffer, tokens * hidden);
    kernels
        .image()
        .patchEmbedding(
            in,
            images,
            new PatchLayer(
                grid,
                new LinearWeights(stage.patches().weight(), stage.patches().bias()),
                MemorySegment.NULL),
            x,
            grid.patches() * hidden,
            workspace);
    stage.patchNorm().forward(kernels, x, x, tokens);
    int height = Math.toIntExact(grid.rows());
    int width = Math.toIntExact(grid.columns());
    for (Layer layer : stage.layers()) {
      MemorySegment normed = workspace.floats(Buffer.NORMED, tokens * hidden);
      layer.attentionNorm().forward(kernels, x, normed, tokens);
      attend(layer.attention(), normed, x, images, height, width, workspace);
      layer.mixNorm().forward(kernels, x, normed, tokens);
      mix(layer.mix(), normed, x, images, height, width, workspace);
    }
    stage.norm().forward(kernels, x, x, tokens);
    return x;
  }

  /** {@code x += attention(in)}. */
  private void attend(
      ReducedAttention attention,
      MemorySegment in,
      MemorySegment x,
      int images,
      int height,
      int width,
      Workspace workspace) {
    long hidden = attention.query().out();
    int heads = attention.heads();
    long headDim = hidden / heads;
    long tokens = (long) images * height * width;
    int keyRows = height / attention.ratio();
    int keyColumns = width / attention.ratio();
    if (keyRows < 1 || keyColumns < 1) {
      throw new IllegalArgumentException(
          String.format(
              "a stage of the model has %d x %d places for this image, too few to be reduced by %d",
              width, height, attention.ratio()));
    }
    long keys = (long) images * keyRows * keyColumns;
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * hidden);
    MemorySegment queries = workspace.floats(Buffer.QKV, (tokens + 2 * keys) * hidden);
    MemorySegment kv = queries.asSlice(tokens * hidden * Float.BYTES);
    attention.query().forward(kernels, in, queries, tokens);
    // The reduced map lies where attention's result comes later.
    MemorySegment reduced = attention.reduction().isPresent() ? context : in;
    if (attention.reduction().isPresent()) {
      int ratio = attention.ratio();
      Linear reduction = attention.reduction().get();
      kernels
          .image()
          .patchEmbedding(
              in,
              images,
              new PatchLayer(
                  PatchGrid.overlapping(hidden, height, width, ratio, ratio, 0, true),
                  new LinearWeights(reduction.weight(), reduction.bias()),
                  MemorySegment.NULL),
              reduced,
              (long) keyRows * keyColumns * hidden,
              workspace);
      attention.reductionNorm().orElseThrow().forward(kernels, reduced, reduced, keys);
    }
    attention.kv().forward(kernels, reduced, kv, keys);
    TokenBatch batch = workspace.batch();
    fill(batch, images, height * width);
    fill(workspace.keys(), images, keyRows * keyColumns);
    kernels
        .attention()
        .attention(
            Attention.in(workspace)
                .of(heads, heads, headDim, (float) (1 / Math.sqrt(headDim)))
                .query(queries, 0, hidden, headDim, batch.cuSeqlens(), tokens)
                .keys(kv, 0, kv, hidden, 2 * hidden, headDim, workspace.keys().cuSeqlens(), keys)
                .output(context, hidden, headDim)
                .sequences(images),
            workspace);
    attention.output().add(kernels, context, x, tokens);
  }

  private static void fill(TokenBatch batch, int images, int tokens) {
    batch.clear();
    for (int i = 0; i < images; i++) {
      for (int t = 0; t < tokens; t++) {
        batch.add(0, 0, 0);
      }
      batch.endSequence();
    }
  }

  /** {@code x += down(activation(neighbours(up(in))))}. */
  private void mix(
      MixFeedForward mix,
      MemorySegment in,
      MemorySegment x,
      int images,
      int height,
      int width,
      Workspace workspace) {
    long tokens = (long) images * height * width;
    long intermediate = mix.up().out();
    MemorySegment wide = workspace.floats(Buffer.HEAD, tokens * intermediate);
    MemorySegment mixed = workspace.floats(Buffer.QKV, tokens * intermediate);
    mix.up().forward(kernels, in, wide, tokens);
    kernels
        .image()
        .depthwiseConv(
            wide,
            new ImageShape(images, height, width, intermediate),
            new DepthwiseWeights(mix.neighbours(), mix.bias(), NEIGHBOURS, mix.activation()),
            mixed,
            workspace);
    mix.down().add(kernels, mixed, x, tokens);
  }

  /**
   * In the reference's order, {@code [count, hidden, height, width]}, but for a last stage without.
   */
  private void traceMap(
      Trace trace,
      String name,
      MemorySegment x,
      int images,
      int height,
      int width,
      Stage stage,
      boolean last) {
    int hidden = stage.hidden();
    int places = height * width;
    if (last && !config.reshapeLastStage()) {
      trace.accept(name, x, images, places, hidden);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment y = channelsFirst(x, images, places, hidden, arena);
      trace.accept(name, y, images, hidden, height, width);
    }
  }

  /** {@code [images, places, channels]} as {@code [images, channels, places]}. */
  static MemorySegment channelsFirst(
      MemorySegment x, int images, int places, int channels, Arena arena) {
    MemorySegment y = arena.allocate(JAVA_FLOAT, (long) images * places * channels);
    for (long i = 0; i < (long) images * places; i++) {
      long image = i / places * places * channels;
      for (int c = 0; c < channels; c++) {
        long to = image + (long) c * places + i % places;
        y.setAtIndex(JAVA_FLOAT, to, x.getAtIndex(JAVA_FLOAT, i * channels + c));
      }
    }
    return y;
  }
}
