package dev.panaformer.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.image.Interpolation;
import dev.panaformer.kernel.image.PatchGrid;
import dev.panaformer.kernel.image.PatchLayer;
import dev.panaformer.kernel.image.Resize;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import dev.panaformer.nn.EncoderLayer;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.SelfAttention;
import dev.panaformer.nn.SinCosPositions;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The vision transformer (Dosovitskiy et al. 2021) and its family: patches and a few tokens of the
 * model's own through layers that normalise before each residual block.
 *
 * @param before the tokens before the patches, with their positions, {@code [tokens, hidden]}
 * @param patches the embedding of a patch
 * @param positions of the patches, {@code [rows columns, hidden]}
 * @param after the detection tokens behind the patches, with their positions
 * @param midPositions YOLOS's positions after each layer but the last, {@code [layers - 1, tokens,
 *     hidden]}; absent elsewhere
 * @param norm of the last layer's output
 * @param pooler what Hugging Face's {@code pooler_output} comes from; many checkpoints have none
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

  /**
   * Loads the encoder, with or without a head in the same checkpoint.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has not the
   *     shape that the configuration says
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
   * Runs images.
   *
   * @param trace also told {@code qkv.N}, the queries, keys and values of layer N, {@code [count,
   *     tokens, 3 heads headDim]}
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
    int tokens = layout.tokens();
    TokenBatch batch = batch(images.count(), tokens, workspace);
    TokenBatch read = first < tokens ? workspace.queries().firstOf(batch, first) : batch;
    TokenBatch queries = trace == null ? read : batch;
    MemorySegment x = embed(images, interpolatePositions, layout, workspace);
    trace(trace, "hidden_states.0", x, images, tokens);
    for (int i = 0; i < layers.size(); i++) {
      boolean last = i + 1 == layers.size();
      layers.get(i).forward(kernels, x, batch, last ? queries : batch, workspace);
      traceAttention(trace, i, images, tokens, workspace);
      trace(trace, "hidden_states." + (i + 1), x, images, tokens);
      if (midPositions.byteSize() > 0 && !last) {
        x = addMidPositions(x, i, images, layout, workspace);
      }
    }
    norm.forward(kernels, x, x, queries.tokens());
    trace(trace, "last_hidden_state", x, images, tokens);
    if (trace != null && pooler.isPresent()) {
      MemorySegment pooled = pooled(tokenRows(x, images, tokens, 0, workspace), images, workspace);
      trace.accept("pooler_output", pooled, images.count(), pooler.get().out());
    }
    if (read != queries) {
      kernels.memory().retainRows(x, batch.tokens(), config.hiddenSize(), read, workspace);
    }
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

  /** Images as sequences, whose ids are the rows of their tokens. */
  private static TokenBatch batch(int sequences, int tokens, Workspace workspace) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int s = 0; s < sequences; s++) {
      for (int t = 0; t < tokens; t++) {
        batch.add(s * tokens + t, t, 0);
      }
      batch.endSequence();
    }
    return batch;
  }

  private MemorySegment embed(
      Images images, boolean interpolate, Layout layout, Workspace workspace) {
    int hidden = config.hiddenSize();
    long floats = (long) layout.tokens() * hidden;
    MemorySegment x = workspace.floats(Buffer.HIDDEN, images.count() * floats);
    for (int i = 0; i < images.count(); i++) {
      copyRows(before, 0, x, (long) i * layout.tokens(), layout.before());
      copyRows(after, 0, x, (i + 1L) * layout.tokens() - layout.after(), layout.after());
    }
    kernels
        .image()
        .patchEmbedding(
            images.pixels(),
            images.count(),
            new PatchLayer(
                PatchGrid.sideBySide(
                    config.numChannels(),
                    images.height(),
                    images.width(),
                    config.patchHeight(),
                    config.patchWidth()),
                new LinearWeights(patches.weight(), patches.bias()),
                gridPositions(images, interpolate, layout, workspace)),
            x.asSlice(row(layout.before(), hidden)),
            floats,
            workspace);
    return x;
  }

  /** The positions of an image's patches: those learned, or as many as its grid has. */
  private MemorySegment gridPositions(
      Images images, boolean interpolate, Layout layout, Workspace workspace) {
    int rows = config.gridRows();
    int columns = config.gridColumns();
    if (config.family() != VitFamily.YOLOS) {
      // The reference has no other than square tables to interpolate from, and takes one as it is
      // for a square image of as many patches.
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
    return interpolated(positions, rows, columns, layout, workspace);
  }

  private MemorySegment interpolated(
      MemorySegment table, int rows, int columns, Layout layout, Workspace workspace) {
    if (rows == layout.rows() && columns == layout.columns()) {
      return table;
    }
    MemorySegment y =
        workspace.floats(
            Buffer.POSITIONS, (long) layout.rows() * layout.columns() * config.hiddenSize());
    interpolate(table, rows, columns, layout, y, workspace);
    return y;
  }

  private void interpolate(
      MemorySegment table,
      int rows,
      int columns,
      Layout layout,
      MemorySegment y,
      Workspace workspace) {
    int hidden = config.hiddenSize();
    kernels
        .image()
        .interpolate(
            table,
            new Resize(
                new ImageShape(1, rows, columns, hidden),
                layout.rows(),
                layout.columns(),
                hidden,
                Interpolation.BICUBIC),
            y,
            workspace);
  }

  /**
   * {@code x} with the positions that follow a layer, in the other of two buffers.
   *
   * @param x in {@link Buffer#HIDDEN} or {@link Buffer#MAP}
   */
  private MemorySegment addMidPositions(
      MemorySegment x, int layer, Images images, Layout layout, Workspace workspace) {
    int hidden = config.hiddenSize();
    int tokens = layout.tokens();
    long rows = (long) images.count() * tokens;
    Buffer other = layer % 2 == 0 ? Buffer.MAP : Buffer.HIDDEN;
    MemorySegment y = workspace.floats(other, rows * hidden);
    MemorySegment none = MemorySegment.NULL;
    kernels
        .embedding()
        .embedding(
            new EmbeddingTables(
                x,
                midPositionTable(layer, layout, workspace),
                none,
                none,
                none,
                rows,
                tokens,
                0,
                hidden,
                0),
            workspace.batch(),
            y,
            workspace);
    return y;
  }

  /** The positions of all tokens of an image after a layer, those of its patches interpolated. */
  private MemorySegment midPositionTable(int layer, Layout layout, Workspace workspace) {
    int hidden = config.hiddenSize();
    int grid = config.gridRows() * config.gridColumns();
    int learned = layout.before() + grid + layout.after();
    MemorySegment table =
        midPositions.asSlice(row((long) layer * learned, hidden), row(learned, hidden));
    if (config.gridRows() == layout.rows() && config.gridColumns() == layout.columns()) {
      return table;
    }
    int patches = layout.rows() * layout.columns();
    MemorySegment y = workspace.floats(Buffer.POSITIONS, (long) layout.tokens() * hidden);
    copyRows(table, 0, y, 0, layout.before());
    interpolate(
        table.asSlice(row(layout.before(), hidden)),
        config.gridRows(),
        config.gridColumns(),
        layout,
        y.asSlice(row(layout.before(), hidden)),
        workspace);
    copyRows(table, layout.before() + grid, y, layout.before() + patches, layout.after());
    return y;
  }

  private MemorySegment pooled(MemorySegment first, Images images, Workspace workspace) {
    Linear dense = pooler.orElseThrow();
    MemorySegment y = workspace.floats(Buffer.HEAD, images.count() * dense.out());
    dense.forward(kernels, first, y, images.count(), config.poolerAct());
    return y;
  }

  private void trace(Trace trace, String name, MemorySegment x, Images images, int tokens) {
    if (trace != null) {
      trace.accept(name, x, images.count(), tokens, config.hiddenSize());
    }
  }

  private void traceAttention(
      Trace trace, int layer, Images images, int tokens, Workspace workspace) {
    if (trace != null) {
      long row = 3L * config.numAttentionHeads() * config.headDim();
      MemorySegment qkv = workspace.floats(Buffer.QKV, (long) images.count() * tokens * row);
      trace.accept("qkv." + layer, qkv, images.count(), tokens, row);
    }
  }

  private void copyRows(MemorySegment from, long row, MemorySegment to, long toRow, int rows) {
    long hidden = config.hiddenSize();
    kernels.memory().copy(from, row * hidden, to, toRow * hidden, rows * hidden);
  }

  private static long row(long index, int hidden) {
    return index * hidden * Float.BYTES;
  }
}
