package dev.panaformer.model.vision;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.image.DepthwiseWeights;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.image.PatchGrid;
import dev.panaformer.kernel.image.PatchLayer;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * SegFormer's encoder (Xie et al. 2021): stages of overlapping patches, each at a lower resolution
 * than the one before. Attention has keys and values of a reduced map, and feed-forward networks
 * contain a convolution over neighbours.
 */
public record SegformerModel(SegformerConfig config, Kernels kernels, List<Stage> stages)
    implements VisionEncoder {
  private static final Buffer MAP = Buffer.named("hidden states of a map");
  private static final Buffer OTHER_MAP = Buffer.named("hidden states of the next map");
  private static final Buffer NORMED = Buffer.named("normalised map");
  private static final Buffer QUERIES = Buffer.named("queries of a map");
  private static final Buffer REDUCED = Buffer.named("reduced map");
  private static final Buffer KEYS_VALUES = Buffer.named("keys and values of a reduced map");
  private static final Buffer CONTEXT = Buffer.named("context of a map");
  private static final Buffer WIDE = Buffer.named("intermediate map");
  private static final Buffer MIXED = Buffer.named("intermediate map, mixed");
  private static final Reused<SequenceLengths> QUERY_LENGTHS = Reused.of(SequenceLengths::new);
  private static final Reused<SequenceLengths> KEY_LENGTHS = Reused.of(SequenceLengths::new);

  /**
   * The epsilon of the norms. The reference uses this value and ignores the field of config.json.
   */
  private static final float EPS = 1e-5f;

  private static final int NEIGHBOURS = 3;

  /**
   * Attention with keys and values of a reduced map.
   *
   * @param reduction reduces {@code ratio × ratio} tokens to one; empty if the ratio is 1
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

  /** A feed-forward network with a depthwise convolution of 3 x 3 tokens between its two layers. */
  record MixFeedForward(Linear up, DepthwiseWeights neighbours, Linear down) {}

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

  /**
   * Receives the output of each stage. The segment is in the workspace and valid until the method
   * returns.
   */
  interface StageConsumer {
    /**
     * @param x {@code [count, height, width, hidden of the stage]}
     */
    void accept(int stage, MemorySegment x, int height, int width);
  }

  /**
   * Loads the encoder. The checkpoint may also have the weights of a head.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
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
            new DepthwiseWeights(
                mlp.depthwise("dwconv.dwconv.weight", intermediate, NEIGHBOURS),
                mlp.tensor("dwconv.dwconv.bias", intermediate),
                NEIGHBOURS,
                c.hiddenAct()),
            mlp.linear("dense2", hidden, intermediate)));
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
   * Evaluates the encoder.
   *
   * @return the output of the last stage {@code [count, height, width, hidden]}
   */
  @Override
  public MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace) {
    Pass pass = Pass.of(kernels, workspace, workspace.batch(), trace);
    return forward(pass, images, (stage, x, height, width) -> {});
  }

  MemorySegment forward(Pass pass, Images images, StageConsumer consumer) {
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
      x = forward(pass, stage, grid, x, images.count(), i % 2 == 0 ? MAP : OTHER_MAP);
      consumer.accept(i, x, height, width);
      if (pass.isTraced()) {
        boolean last = i + 1 == stages.size();
        long floats = images.count() * grid.patches() * stage.hidden();
        MemorySegment host = kernels.memory().onHost(x, floats, pass.workspace());
        ImageShape shape = new ImageShape(images.count(), height, width, stage.hidden());
        report(pass.trace(), "hidden_states." + i, host, shape, last);
        if (last) {
          report(pass.trace(), "last_hidden_state", host, shape, true);
        }
      }
    }
    return x;
  }

  private MemorySegment forward(
      Pass pass, Stage stage, PatchGrid grid, MemorySegment in, int images, Buffer buffer) {
    long hidden = stage.hidden();
    long tokens = images * grid.patches();
    ImageShape shape = new ImageShape(images, grid.rows(), grid.columns(), hidden);
    MemorySegment x = pass.floats(buffer, tokens * hidden);
    kernels
        .image()
        .patchEmbedding(
            in,
            images,
            new PatchLayer(grid, stage.patches().weights(), MemorySegment.NULL),
            x,
            grid.patches() * hidden,
            pass.workspace());
    stage.patchNorm().forward(pass, x, x, tokens);
    for (Layer layer : stage.layers()) {
      MemorySegment normed = pass.floats(NORMED, tokens * hidden);
      layer.attentionNorm().forward(pass, x, normed, tokens);
      attend(pass, layer.attention(), normed, x, shape);
      layer.mixNorm().forward(pass, x, normed, tokens);
      mix(pass, layer.mix(), normed, x, shape);
    }
    stage.norm().forward(pass, x, x, tokens);
    return x;
  }

  /** {@code x += attention(in)}. */
  private void attend(
      Pass pass, ReducedAttention attention, MemorySegment in, MemorySegment x, ImageShape shape) {
    long hidden = attention.query().out();
    int heads = attention.heads();
    long headDim = hidden / heads;
    int images = (int) shape.images();
    int places = Math.toIntExact(shape.height() * shape.width());
    int ratio = attention.ratio();
    int keyPlaces = Math.toIntExact(shape.height() / ratio * (shape.width() / ratio));
    if (keyPlaces < 1) {
      throw new IllegalArgumentException(
          String.format(
              "a stage of the model has %d x %d places for this image, too few to be reduced by %d",
              shape.width(), shape.height(), ratio));
    }
    long tokens = (long) images * places;
    long keys = (long) images * keyPlaces;
    MemorySegment context = pass.floats(CONTEXT, tokens * hidden);
    MemorySegment queries = pass.floats(QUERIES, tokens * hidden);
    MemorySegment kv = pass.floats(KEYS_VALUES, 2 * keys * hidden);
    attention.query().forward(pass, in, queries, tokens);
    MemorySegment reduced = in;
    if (attention.reduction().isPresent()) {
      reduced = pass.floats(REDUCED, keys * hidden);
      PatchGrid grid =
          PatchGrid.overlapping(hidden, shape.height(), shape.width(), ratio, ratio, 0, true);
      kernels
          .image()
          .patchEmbedding(
              in,
              images,
              new PatchLayer(grid, attention.reduction().get().weights(), MemorySegment.NULL),
              reduced,
              keyPlaces * hidden,
              pass.workspace());
      attention.reductionNorm().orElseThrow().forward(pass, reduced, reduced, keys);
    }
    attention.kv().forward(pass, reduced, kv, keys);
    SequenceLengths queryLengths = pass.workspace().reused(QUERY_LENGTHS).equal(images, places);
    SequenceLengths keyLengths = pass.workspace().reused(KEY_LENGTHS).equal(images, keyPlaces);
    Attention call =
        Attention.in(pass.workspace())
            .of(heads, heads, headDim, (float) (1 / Math.sqrt(headDim)))
            .query(queries, 0, hidden, headDim, queryLengths.cumulative(), tokens)
            .keys(kv, 0, kv, hidden, 2 * hidden, headDim, keyLengths.cumulative(), keys)
            .output(context, hidden, headDim)
            .sequences(images);
    kernels.attention().attention(call, pass.workspace());
    attention.output().add(pass, context, x, tokens);
  }

  /** {@code x += down(activation(neighbours(up(in))))}. */
  private void mix(
      Pass pass, MixFeedForward mix, MemorySegment in, MemorySegment x, ImageShape shape) {
    long tokens = shape.images() * shape.height() * shape.width();
    long intermediate = mix.up().out();
    MemorySegment wide = pass.floats(WIDE, tokens * intermediate);
    MemorySegment mixed = pass.floats(MIXED, tokens * intermediate);
    mix.up().forward(pass, in, wide, tokens);
    ImageShape wideShape =
        new ImageShape(shape.images(), shape.height(), shape.width(), intermediate);
    kernels.image().depthwiseConv(wide, wideShape, mix.neighbours(), mixed, pass.workspace());
    mix.down().add(pass, mixed, x, tokens);
  }

  /**
   * Reports a map in the layout of the reference. That is {@code [count, hidden, height, width]},
   * or {@code [count, height * width, hidden]} for a last stage that the reference does not
   * reshape.
   */
  private void report(Trace trace, String name, MemorySegment x, ImageShape shape, boolean last) {
    int images = (int) shape.images();
    int hidden = (int) shape.channels();
    int places = (int) (shape.height() * shape.width());
    if (last && !config.reshapeLastStage()) {
      trace.accept(name, x, images, places, hidden);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment y = channelsFirst(x, images, places, hidden, arena);
      trace.accept(name, y, images, hidden, shape.height(), shape.width());
    }
  }

  /** Copies {@code [images, places, channels]} to {@code [images, channels, places]}. */
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
