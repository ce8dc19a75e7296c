package dev.panaformer.model.vision;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.image.Interpolation;
import dev.panaformer.kernel.image.PatchGrid;
import dev.panaformer.kernel.image.PatchLayer;
import dev.panaformer.kernel.image.Resize;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.WindowAttention;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The Swin transformer (Liu et al. 2021): stages with attention within windows, each at half the
 * resolution of the one before.
 *
 * @param patches the layer that embeds a patch
 * @param patchNorm the norm of embedded patches
 * @param positions the position embeddings of patches, {@code [rows columns, embedDim]}; absent if
 *     there are none
 * @param norm the norm of the last stage's output
 */
public record SwinModel(
    SwinConfig config,
    Kernels kernels,
    Linear patches,
    LayerNorm patchNorm,
    Optional<MemorySegment> positions,
    List<Stage> stages,
    LayerNorm norm)
    implements VisionEncoder {
  private static final Buffer MAP = Buffer.named("hidden states of a map");
  private static final Buffer OTHER_MAP = Buffer.named("hidden states of the next map");
  private static final Buffer NORMED = Buffer.named("map that is normalised or merged");
  private static final Buffer POSITIONS = Buffer.named("interpolated positions");
  private static final Reused<RowOrder> ORDER = Reused.of(RowOrder::new);

  /** The epsilon of norms that do not use the field of config.json, as in the reference. */
  private static final float DEFAULT_EPS = 1e-5f;

  record Layer(WindowAttention attention, LayerNorm norm, FeedForward feedForward) {}

  /**
   * Merges four neighbouring tokens into one with twice the features.
   *
   * @param norm the norm of the four concatenated tokens, {@code [4 features]}
   * @param reduction {@code [2 features, 4 features]}
   */
  record Merging(LayerNorm norm, Linear reduction) {}

  /**
   * @param merging the merging after the stage; empty for the last stage
   */
  record Stage(int features, List<Layer> layers, Optional<Merging> merging) {}

  /** The current feature map, and a buffer for the next one. */
  private record Map(MemorySegment x, MemorySegment spare, int height, int width) {}

  /**
   * Loads the encoder. The checkpoint may also have the weights of a head.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static SwinModel load(Weights weights, SwinConfig c) {
    int dim = c.embedDim();
    Weights embeddings = weights.at("embeddings");
    int grid = c.imageHeight() / c.patchHeight() * (c.imageWidth() / c.patchWidth());
    List<Stage> stages = new ArrayList<>();
    for (int i = 0; i < c.depths().size(); i++) {
      stages.add(stage(weights.at("encoder.layers." + i), c, i));
    }
    return new SwinModel(
        c,
        weights.kernels(),
        embeddings
            .inFp32()
            .convolution(
                "patch_embeddings.projection",
                dim,
                c.numChannels(),
                c.patchHeight(),
                c.patchWidth(),
                false),
        embeddings.layerNorm("norm", dim, DEFAULT_EPS),
        c.useAbsoluteEmbeddings()
            ? Optional.of(embeddings.tensor("position_embeddings", 1, grid, dim))
            : Optional.empty(),
        List.copyOf(stages),
        weights.layerNorm("layernorm", c.hiddenSize(), c.layerNormEps()));
  }

  private static Stage stage(Weights w, SwinConfig c, int index) {
    int features = c.embedDim() << index;
    List<Layer> layers = new ArrayList<>();
    for (int i = 0; i < c.depths().get(index); i++) {
      layers.add(layer(w.at("blocks." + i), c, features, c.numHeads().get(index)));
    }
    Weights down = w.at("downsample");
    return new Stage(
        features,
        List.copyOf(layers),
        index + 1 == c.depths().size()
            ? Optional.empty()
            : Optional.of(
                new Merging(
                    down.layerNorm("norm", 4L * features, DEFAULT_EPS),
                    down.unbiased("reduction", 2L * features, 4L * features))));
  }

  private static Layer layer(Weights w, SwinConfig c, long features, int heads) {
    Weights attention = w.at("attention");
    int side = 2 * c.windowSize() - 1;
    float[] table =
        attention.at("self").values("relative_position_bias_table", (long) side * side, heads);
    MemorySegment bias =
        w.floats(
            WindowAttention.biasFloats(heads, c.windowSize()),
            y -> WindowAttention.fillBias(table, heads, c.windowSize(), y));
    int intermediate = (int) (c.mlpRatio() * features);
    return new Layer(
        new WindowAttention(
            w.layerNorm("layernorm_before", features, c.layerNormEps()),
            attention
                .at("self")
                .stacked(
                    features,
                    c.qkvBias(),
                    List.of("query", "key", "value"),
                    List.of(features, features, features)),
            attention.at("output").linear("dense", features, features),
            heads,
            (int) features / heads,
            c.windowSize(),
            bias),
        w.layerNorm("layernorm_after", features, c.layerNormEps()),
        FeedForward.plain(
            w.at("intermediate").linear("dense", intermediate, features),
            w.at("output").linear("dense", features, intermediate),
            c.hiddenAct()));
  }

  @Override
  public Layout layout(int height, int width) {
    int rows = Math.ceilDiv(height, config.patchHeight());
    int columns = Math.ceilDiv(width, config.patchWidth());
    for (int i = 1; i < stages.size(); i++) {
      rows = Math.ceilDiv(rows, 2);
      columns = Math.ceilDiv(columns, 2);
    }
    return new Layout(0, rows, columns, 0, config.hiddenSize());
  }

  /**
   * Evaluates the encoder.
   *
   * @param trace also receives {@code reshaped_hidden_states.N}, which are the hidden states as
   *     maps {@code [count, features, rows, columns]}
   * @return the last hidden states {@code [count, rows columns, hidden]}
   */
  @Override
  public MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace) {
    images.requireChannels(config.numChannels());
    int count = images.count();
    Pass pass = Pass.of(kernels, workspace, workspace.batch(), trace);
    Map map = embed(pass, images, interpolatePositions);
    reportStage(pass, 0, map, count, config.embedDim());
    for (int i = 0; i < stages.size(); i++) {
      Stage stage = stages.get(i);
      for (int j = 0; j < stage.layers().size(); j++) {
        map = forward(pass, stage, j, map, count);
      }
      if (stage.merging().isPresent()) {
        map = merge(pass, stage.merging().get(), stage.features(), map, count);
      }
      int features = stage.merging().isPresent() ? 2 * stage.features() : stage.features();
      reportStage(pass, i + 1, map, count, features);
    }
    int places = map.height() * map.width();
    norm.forward(pass, map.x(), map.x(), (long) count * places);
    if (pass.isTraced()) {
      trace.accept("last_hidden_state", map.x(), count, places, config.hiddenSize());
      Layout layout = layout(images.height(), images.width());
      MemorySegment mean = ImageClassification.mean(pass, map.x(), images, layout);
      trace.accept("pooler_output", mean, count, config.hiddenSize());
    }
    return map.x();
  }

  private Map embed(Pass pass, Images images, boolean interpolatePositions) {
    int dim = config.embedDim();
    int rows = Math.ceilDiv(images.height(), config.patchHeight());
    int columns = Math.ceilDiv(images.width(), config.patchWidth());
    long tokens = (long) images.count() * rows * columns;
    // All stages use the same two buffers. Apart from padding, a stage has half as many values as
    // the one before.
    long floats = tokens * dim * 2;
    MemorySegment x = pass.floats(MAP, floats);
    MemorySegment spare = pass.floats(OTHER_MAP, floats);
    PatchGrid grid =
        new PatchGrid(
            config.numChannels(),
            images.height(),
            images.width(),
            config.patchHeight(),
            config.patchWidth(),
            config.patchHeight(),
            config.patchWidth(),
            0,
            rows,
            columns,
            false);
    kernels
        .image()
        .patchEmbedding(
            images.pixels(),
            images.count(),
            new PatchLayer(grid, patches.weights(), MemorySegment.NULL),
            x,
            (long) rows * columns * dim,
            pass.workspace());
    patchNorm.forward(pass, x, x, tokens);
    if (positions.isEmpty()) {
      return new Map(x, spare, rows, columns);
    }
    RowOrder order = pass.workspace().reused(ORDER);
    order.clear();
    for (int token = 0; token < tokens; token++) {
      order.add(token, token % (rows * columns));
    }
    MemorySegment table = gridPositions(pass, images, rows, columns, interpolatePositions);
    kernels.embedding().gather(x, table, NormWeights.absent(dim), order, spare, pass.workspace());
    return new Map(spare, x, rows, columns);
  }

  private MemorySegment gridPositions(
      Pass pass, Images images, int rows, int columns, boolean interpolatePositions) {
    int learnedRows = config.imageHeight() / config.patchHeight();
    int learnedColumns = config.imageWidth() / config.patchWidth();
    int learned = learnedRows * learnedColumns;
    boolean asMany = rows * columns == learned;
    if (asMany && (!interpolatePositions || images.height() == images.width())) {
      return positions.orElseThrow();
    }
    int side = (int) Math.sqrt(learned);
    // The reference interpolates positions only for complete patches, without padded ones.
    boolean whole =
        images.height() % config.patchHeight() == 0 && images.width() % config.patchWidth() == 0;
    if (!interpolatePositions || side * side != learned || !whole) {
      throw new IllegalArgumentException(
          String.format(
              "an image of %d x %d pixels, %d x %d patches; the model has positions for %d x %d%s",
              images.width(),
              images.height(),
              columns,
              rows,
              learnedColumns,
              learnedRows,
              interpolatePositions
                  ? ", and interpolates from square grids for whole patches only"
                  : ", and was not asked to interpolate them"));
    }
    int dim = config.embedDim();
    MemorySegment y = pass.floats(POSITIONS, (long) rows * columns * dim);
    Resize resize =
        new Resize(new ImageShape(1, side, side, dim), rows, columns, dim, Interpolation.BICUBIC);
    kernels.image().interpolate(positions.orElseThrow(), resize, y, pass.workspace());
    return y;
  }

  private Map forward(Pass pass, Stage stage, int index, Map map, int images) {
    Layer layer = stage.layers().get(index);
    int least = Math.min(map.height(), map.width());
    if (least < config.windowSize()) {
      throw new IllegalArgumentException(
          String.format(
              "a stage of the model has %d x %d places for this image, fewer than its windows of"
                  + " %d x %d",
              map.width(), map.height(), config.windowSize(), config.windowSize()));
    }
    // If one window covers a side of the map, windows are not shifted.
    boolean shifted = index % 2 == 1 && least > config.windowSize() && config.windowSize() > 1;
    long tokens = (long) images * map.height() * map.width();
    MemorySegment y = map.spare();
    ImageShape shape = new ImageShape(images, map.height(), map.width(), stage.features());
    layer.attention().forward(pass, map.x(), y, shape, shifted);
    MemorySegment normed = pass.floats(NORMED, tokens * stage.features());
    layer.norm().forward(pass, y, normed, tokens);
    layer.feedForward().forward(pass, normed, y, y, tokens);
    return new Map(y, map.x(), map.height(), map.width());
  }

  private Map merge(Pass pass, Merging merging, int features, Map map, int images) {
    int height = Math.ceilDiv(map.height(), 2);
    int width = Math.ceilDiv(map.width(), 2);
    long merged = (long) images * height * width;
    MemorySegment four = pass.floats(NORMED, merged * 4 * features);
    RowOrder order = pass.workspace().reused(ORDER);
    order.clear();
    for (int at = 0; at < merged * 4; at++) {
      order.add(Math.max(source(at, map, height, width), 0));
    }
    kernels
        .embedding()
        .gather(
            map.x(),
            MemorySegment.NULL,
            NormWeights.absent(features),
            order,
            four,
            pass.workspace());
    if (map.height() % 2 + map.width() % 2 > 0) {
      for (int at = 0; at < merged * 4; at++) {
        if (source(at, map, height, width) < 0) {
          kernels.memory().clear(four, (long) at * features, features);
        }
      }
    }
    merging.norm().forward(pass, four, four, merged);
    merging.reduction().forward(pass, four, map.spare(), merged);
    return new Map(map.spare(), map.x(), height, width);
  }

  /**
   * The token of the map at position {@code at} among the groups of four that are merged, or -1 for
   * padding. A group is ordered downwards first, then to the right.
   */
  private static int source(int at, Map map, int height, int width) {
    int token = at / 4;
    int image = token / width / height;
    int row = 2 * (token / width % height) + at % 2;
    int column = 2 * (token % width) + at % 4 / 2;
    boolean inside = row < map.height() && column < map.width();
    return inside ? (image * map.height() + row) * map.width() + column : -1;
  }

  private void reportStage(Pass pass, int stage, Map map, int images, int features) {
    if (!pass.isTraced()) {
      return;
    }
    int places = map.height() * map.width();
    pass.trace().accept("hidden_states." + stage, map.x(), images, places, features);
    long floats = (long) images * places * features;
    MemorySegment x = kernels.memory().onHost(map.x(), floats, pass.workspace());
    try (Arena arena = Arena.ofConfined()) {
      pass.trace()
          .accept(
              "reshaped_hidden_states." + stage,
              SegformerModel.channelsFirst(x, images, places, features, arena),
              images,
              features,
              map.height(),
              map.width());
    }
  }
}
