package dev.panaformer.model.vision;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.image.Interpolation;
import dev.panaformer.kernel.image.PatchGrid;
import dev.panaformer.kernel.image.PatchLayer;
import dev.panaformer.kernel.image.Resize;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import dev.panaformer.nn.EncoderLayer;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.SelfAttention;
import dev.panaformer.nn.SinCosPositions;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The vision transformer (Dosovitskiy et al. 2021) and its family. The tokens are the patches of an
 * image and a few learned tokens. The layers are pre-LN.
 *
 * @param before the tokens before the patches, with their positions added, {@code [tokens, hidden]}
 * @param patches the layer that embeds a patch
 * @param positions the position embeddings of the patches, {@code [rows columns, hidden]}
 * @param after the detection tokens after the patches, with their positions added
 * @param midPositions in YOLOS the position embeddings that are added after each layer but the
 *     last, {@code [layers - 1, tokens, hidden]}; absent in other families
 * @param norm the norm of the last layer's output
 * @param pooler the layer that computes Hugging Face's {@code pooler_output}; many checkpoints have
 *     none
 */
public record VitModel(
    VitConfig config,
    Kernels kernels,
    MemorySegment before,
    Linear patches,
    MemorySegment positions,
    MemorySegment after,
    MemorySegment midPositions,
    List<EncoderLayer> layers,
    LayerNorm norm,
    Optional<Linear> pooler)
    implements VisionEncoder {
  private static final Buffer HIDDEN = Buffer.named("hidden states of images");
  private static final Buffer OTHER_HIDDEN = Buffer.named("hidden states with mid positions");
  private static final Buffer POSITIONS = Buffer.named("interpolated positions");
  private static final Buffer MID_POSITION_TABLE = Buffer.named("interpolated mid positions");
  private static final Buffer POOLED = Buffer.named("pooler output");
  private static final Reused<RowOrder> MID_POSITIONS = Reused.of(RowOrder::new);

  /**
   * Loads the encoder. The checkpoint may also have the weights of a head.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static VitModel load(Weights weights, VitConfig c) {
    int hidden = c.hiddenSize();
    int leading = c.family().tokens().size();
    int grid = c.gridRows() * c.gridColumns();
    int tokens = leading + grid + c.numDetectionTokens();
    Weights embeddings = weights.at("embeddings");
    float[] positions = positionTable(embeddings, c, leading, tokens);
    float[] before = Arrays.copyOf(positions, leading * hidden);
    for (int i = 0; i < leading; i++) {
      add(before, i * hidden, embeddings.values(c.family().tokens().get(i), 1, 1, hidden));
    }
    float[] after = Arrays.copyOfRange(positions, (leading + grid) * hidden, positions.length);
    if (after.length > 0) {
      add(after, 0, embeddings.values("detection_tokens", 1, c.numDetectionTokens(), hidden));
    }
    float[] between = Arrays.copyOfRange(positions, leading * hidden, (leading + grid) * hidden);
    List<EncoderLayer> layers = new ArrayList<>();
    for (int i = 0; i < c.numHiddenLayers(); i++) {
      layers.add(layer(weights.at("encoder.layer." + i), c));
    }
    return new VitModel(
        c,
        weights.kernels(),
        place(weights, before),
        embeddings
            .inFp32()
            .convolution(
                "patch_embeddings.projection",
                hidden,
                c.numChannels(),
                c.patchHeight(),
                c.patchWidth(),
                false),
        place(weights, between),
        after.length > 0 ? place(weights, after) : MemorySegment.NULL,
        c.useMidPositionEmbeddings() && c.numHiddenLayers() > 1
            ? weights.tensor(
                "encoder.mid_position_embeddings", c.numHiddenLayers() - 1, 1, tokens, hidden)
            : MemorySegment.NULL,
        List.copyOf(layers),
        weights.layerNorm("layernorm", hidden, c.layerNormEps()),
        weights.has("pooler.dense.weight")
            ? Optional.of(weights.inFp32().linear("pooler.dense", c.poolerOutputSize(), hidden))
            : Optional.empty());
  }

  private static float[] positionTable(Weights embeddings, VitConfig c, int leading, int tokens) {
    int hidden = c.hiddenSize();
    if (!c.sinCosPositions() || embeddings.has("position_embeddings")) {
      return embeddings.values("position_embeddings", 1, tokens, hidden);
    }
    float[] table = new float[tokens * hidden];
    SinCosPositions.fill(table, leading * hidden, c.gridRows(), c.gridColumns(), hidden);
    return table;
  }

  private static void add(float[] x, int from, float[] y) {
    for (int i = 0; i < y.length; i++) {
      x[from + i] += y[i];
    }
  }

  private static MemorySegment place(Weights weights, float[] values) {
    return weights.floats(
        values.length, y -> MemorySegment.copy(values, 0, y, JAVA_FLOAT, 0, values.length));
  }

  private static EncoderLayer layer(Weights w, VitConfig c) {
    long hidden = c.hiddenSize();
    long width = (long) c.numAttentionHeads() * c.headDim();
    Weights attention = w.at("attention");
    return new EncoderLayer(
        new SelfAttention(
            attention
                .at("attention")
                .stacked(
                    hidden,
                    c.qkvBias(),
                    List.of("query", "key", "value"),
                    List.of(width, width, width)),
            attention.at("output").linear("dense", hidden, width),
            c.numAttentionHeads(),
            c.headDim()),
        w.layerNorm("layernorm_before", hidden, c.layerNormEps()),
        FeedForward.plain(
            w.at("intermediate").linear("dense", c.intermediateSize(), hidden),
            w.at("output").linear("dense", hidden, c.intermediateSize()),
            c.hiddenAct()),
        w.layerNorm("layernorm_after", hidden, c.layerNormEps()),
        NormPlacement.BEFORE);
  }

  @Override
  public Layout layout(int height, int width) {
    return new Layout(
        config.family().tokens().size(),
        height / config.patchHeight(),
        width / config.patchWidth(),
        config.numDetectionTokens(),
        config.hiddenSize());
  }

  /**
   * Evaluates the encoder.
   *
   * @param trace also receives {@code qkv.N}, the queries, keys and values of layer N, {@code
   *     [count, tokens, 3 heads headDim]}
   * @return the last hidden states {@code [count, tokens, hidden]}
   */
  @Override
  public MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace) {
    int tokens = layout(images.height(), images.width()).tokens();
    return firstTokens(images, interpolatePositions, tokens, workspace, trace);
  }

  @Override
  public MemorySegment firstTokens(
      Images images, boolean interpolatePositions, int first, Workspace workspace, Trace trace) {
    requireSize(images, interpolatePositions);
    Layout layout = layout(images.height(), images.width());
    int count = images.count();
    int tokens = layout.tokens();
    int hidden = config.hiddenSize();
    // Layers report {@code [count * tokens, width]}. The trace receives {@code [count, tokens,
    // width]}.
    Trace byImage =
        trace == Trace.NONE
            ? Trace.NONE
            : (name, values, shape) -> trace.accept(name, values, count, tokens, shape[1]);
    Pass pass = Pass.of(kernels, workspace, batch(count, tokens, workspace), byImage);
    if (first < tokens) {
      pass.wantFirst(first);
    }
    long rows = (long) count * tokens;
    MemorySegment x = embed(pass, images, interpolatePositions, layout);
    pass.report("hidden_states", 0, x, rows, hidden);
    for (int i = 0; i < layers.size(); i++) {
      pass.enterLayer(i, layers.size());
      layers.get(i).forward(pass, x);
      pass.report("hidden_states", i + 1, x, rows, hidden);
      if (midPositions.byteSize() > 0 && i + 1 < layers.size()) {
        x = addMidPositions(pass, x, i, images, layout);
      }
    }
    norm.forward(pass, x, x, pass.rows().count());
    pass.report("last_hidden_state", x, rows, hidden);
    if (pass.isTraced() && pooler.isPresent()) {
      Linear dense = pooler.get();
      MemorySegment pooled = pass.floats(POOLED, count * dense.out());
      MemorySegment classes = tokenRows(pass, x, images, tokens, 0);
      dense.forward(pass, classes, pooled, count, config.poolerAct());
      trace.accept("pooler_output", pooled, count, dense.out());
    }
    pass.retainWanted(x, hidden);
    return x;
  }

  private void requireSize(Images images, boolean interpolatePositions) {
    images.requireChannels(config.numChannels());
    boolean learned =
        images.height() == config.imageHeight() && images.width() == config.imageWidth();
    boolean yolos = config.family() == VitFamily.YOLOS;
    if (images.height() < config.patchHeight() || images.width() < config.patchWidth()) {
      throw new IllegalArgumentException(
          String.format(
              "an image of %d x %d pixels; a patch of the model has %d x %d",
              images.width(), images.height(), config.patchWidth(), config.patchHeight()));
    }
    if (!learned && !interpolatePositions && !yolos) {
      throw new IllegalArgumentException(
          String.format(
              "an image of %d x %d pixels; the model has positions for %d x %d, and was not asked"
                  + " to interpolate them",
              images.width(), images.height(), config.imageWidth(), config.imageHeight()));
    }
  }

  /** A batch with one sequence of tokens for each image. */
  private static TokenBatch batch(int sequences, int tokens, Workspace workspace) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int s = 0; s < sequences; s++) {
      for (int t = 0; t < tokens; t++) {
        batch.add(0, t, 0);
      }
      batch.endSequence();
    }
    return batch;
  }

  private MemorySegment embed(Pass pass, Images images, boolean interpolate, Layout layout) {
    int hidden = config.hiddenSize();
    long floats = (long) layout.tokens() * hidden;
    MemorySegment x = pass.floats(HIDDEN, images.count() * floats);
    for (int i = 0; i < images.count(); i++) {
      copyRows(before, 0, x, (long) i * layout.tokens(), layout.before());
      copyRows(after, 0, x, (i + 1L) * layout.tokens() - layout.after(), layout.after());
    }
    PatchGrid grid =
        PatchGrid.sideBySide(
            config.numChannels(),
            images.height(),
            images.width(),
            config.patchHeight(),
            config.patchWidth());
    PatchLayer layer =
        new PatchLayer(grid, patches.weights(), gridPositions(pass, images, interpolate, layout));
    kernels
        .image()
        .patchEmbedding(
            images.pixels(),
            images.count(),
            layer,
            x.asSlice(row(layout.before(), hidden)),
            floats,
            pass.workspace());
    return x;
  }

  /**
   * The position embeddings of an image's patches. The learned ones are interpolated if the image
   * has another size.
   */
  private MemorySegment gridPositions(
      Pass pass, Images images, boolean interpolate, Layout layout) {
    int rows = config.gridRows();
    int columns = config.gridColumns();
    if (config.family() != VitFamily.YOLOS) {
      // The reference interpolates only square tables. If the image is square and has as many
      // patches as the table, it uses the table as it is.
      boolean square = images.height() == images.width();
      if (!interpolate || square && layout.rows() * layout.columns() == rows * columns) {
        return positions;
      }
      int side = (int) Math.sqrt(rows * columns);
      if (side * side != rows * columns) {
        throw new IllegalArgumentException(
            String.format(
                "an image of %d x %d pixels; positions for %d x %d patches cannot be interpolated,"
                    + " only those of as many as a square has",
                images.width(), images.height(), columns, rows));
      }
      rows = side;
      columns = side;
    }
    return interpolated(pass, positions, rows, columns, layout);
  }

  private MemorySegment interpolated(
      Pass pass, MemorySegment table, int rows, int columns, Layout layout) {
    if (rows == layout.rows() && columns == layout.columns()) {
      return table;
    }
    long floats = (long) layout.rows() * layout.columns() * config.hiddenSize();
    MemorySegment y = pass.floats(POSITIONS, floats);
    interpolate(pass, table, rows, columns, layout, y);
    return y;
  }

  private void interpolate(
      Pass pass, MemorySegment table, int rows, int columns, Layout layout, MemorySegment y) {
    int hidden = config.hiddenSize();
    Resize resize =
        new Resize(
            new ImageShape(1, rows, columns, hidden),
            layout.rows(),
            layout.columns(),
            hidden,
            Interpolation.BICUBIC);
    kernels.image().interpolate(table, resize, y, pass.workspace());
  }

  /**
   * Adds the position embeddings that follow a layer. The result is in the other of the two
   * buffers.
   *
   * @param x in {@link #HIDDEN} or {@link #OTHER_HIDDEN}
   */
  private MemorySegment addMidPositions(
      Pass pass, MemorySegment x, int layer, Images images, Layout layout) {
    int hidden = config.hiddenSize();
    int tokens = layout.tokens();
    RowOrder order = pass.workspace().reused(MID_POSITIONS);
    order.clear();
    for (int row = 0; row < images.count() * tokens; row++) {
      order.add(row, row % tokens);
    }
    Buffer other = layer % 2 == 0 ? OTHER_HIDDEN : HIDDEN;
    MemorySegment y = pass.floats(other, (long) order.count() * hidden);
    kernels
        .embedding()
        .gather(
            x,
            midPositionTable(pass, layer, layout),
            NormWeights.absent(hidden),
            order,
            y,
            pass.workspace());
    return y;
  }

  /**
   * The position embeddings that follow a layer, for all tokens of an image. Those of patches are
   * interpolated.
   */
  private MemorySegment midPositionTable(Pass pass, int layer, Layout layout) {
    int hidden = config.hiddenSize();
    int grid = config.gridRows() * config.gridColumns();
    int learned = layout.before() + grid + layout.after();
    MemorySegment table =
        midPositions.asSlice(row((long) layer * learned, hidden), row(learned, hidden));
    if (config.gridRows() == layout.rows() && config.gridColumns() == layout.columns()) {
      return table;
    }
    int patches = layout.rows() * layout.columns();
    MemorySegment y = pass.floats(MID_POSITION_TABLE, (long) layout.tokens() * hidden);
    copyRows(table, 0, y, 0, layout.before());
    interpolate(
        pass,
        table.asSlice(row(layout.before(), hidden)),
        config.gridRows(),
        config.gridColumns(),
        layout,
        y.asSlice(row(layout.before(), hidden)));
    copyRows(table, layout.before() + grid, y, layout.before() + patches, layout.after());
    return y;
  }

  private void copyRows(MemorySegment from, long row, MemorySegment to, long toRow, int rows) {
    long hidden = config.hiddenSize();
    kernels.memory().copy(from, row * hidden, to, toRow * hidden, rows * hidden);
  }

  private static long row(long index, int hidden) {
    return index * hidden * Float.BYTES;
  }
}
