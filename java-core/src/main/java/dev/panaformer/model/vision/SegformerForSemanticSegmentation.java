package dev.panaformer.model.vision;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.image.Interpolation;
import dev.panaformer.kernel.image.Resize;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * SegFormer with its all-MLP head for semantic segmentation (Xie et al. 2021). The map of each
 * stage is projected to the same width and resized to the resolution of the first stage. The maps
 * are concatenated, and two layers compute a score for each label at each position.
 *
 * @param projections a layer for each stage, {@code [decoder hidden, hidden]}
 * @param fuse {@code [decoder hidden, stages * decoder hidden]}, with the last stage first. The
 *     batch normalisation that follows is folded into its weights
 * @param classifier {@code [labels, decoder hidden]}
 */
public record SegformerForSemanticSegmentation(
    SegformerModel segformer, List<Linear> projections, Linear fuse, Linear classifier)
    implements VisionTask {
  private static final Buffer SIDE_BY_SIDE = Buffer.named("maps of all stages, side by side");
  private static final Buffer HEAD_MAP = Buffer.named("projected or fused map of a head");
  private static final Buffer LOGITS = Buffer.named("logits of a map");
  private static final float BATCH_NORM_EPS = 1e-5f;

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static SegformerForSemanticSegmentation load(Weights weights, SegformerConfig c) {
    if (!c.reshapeLastStage()) {
      throw new UnsupportedModelException(
          "config.json: reshape_last_stage is false, expected true: the head reads maps");
    }
    Weights head = weights.at("decode_head");
    int hidden = c.decoderHiddenSize();
    List<Linear> projections = new ArrayList<>();
    for (int i = 0; i < c.stages(); i++) {
      projections.add(head.linear("linear_c." + i + ".proj", hidden, c.hiddenSizes().get(i)));
    }
    return new SegformerForSemanticSegmentation(
        SegformerModel.load(weights, c),
        List.copyOf(projections),
        fuse(head, hidden, c.stages() * hidden),
        head.inFp32().convolution("classifier", c.labels().size(), hidden, 1, 1, false));
  }

  /**
   * Loads the layer and folds the batch normalisation into it. With stored statistics, batch
   * normalisation is a scale and a shift of each output feature.
   */
  private static Linear fuse(Weights head, int out, int in) {
    Weights norm = head.at("batch_norm");
    float[] gamma = norm.values("weight", out);
    float[] bias = norm.values("bias", out);
    float[] mean = norm.values("running_mean", out);
    float[] variance = norm.values("running_var", out);
    double[] scales = new double[out];
    for (int j = 0; j < out; j++) {
      scales[j] = gamma[j] / Math.sqrt(variance[j] + (double) BATCH_NORM_EPS);
      bias[j] = (float) (bias[j] - scales[j] * mean[j]);
    }
    return new Linear(
        head.adjusted("linear_fuse.weight", rows -> scale(rows, scales, in), out, in, 1, 1),
        head.floats(out, y -> MemorySegment.copy(bias, 0, y, JAVA_FLOAT, 0, out)));
  }

  private static void scale(MemorySegment rows, double[] scales, int in) {
    for (int j = 0; j < scales.length; j++) {
      for (long i = (long) j * in; i < (j + 1L) * in; i++) {
        rows.setAtIndex(JAVA_FLOAT, i, (float) (scales[j] * rows.getAtIndex(JAVA_FLOAT, i)));
      }
    }
  }

  @Override
  public VisionConfig config() {
    return segformer.config();
  }

  /** The layout of the result of {@link #forward}. */
  public VisionEncoder.Layout layout(int height, int width) {
    SegformerModel first =
        new SegformerModel(
            segformer.config(), segformer.kernels(), segformer.stages().subList(0, 1));
    return first.layout(height, width);
  }

  /**
   * @return logits {@code [count, height, width, labels]} at the resolution of the first stage
   */
  @Override
  public MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace) {
    Kernels kernels = segformer.kernels();
    Pass pass = Pass.of(kernels, workspace, workspace.batch(), trace);
    int count = images.count();
    int hidden = segformer.config().decoderHiddenSize();
    int stages = projections.size();
    VisionEncoder.Layout layout = layout(images.height(), images.width());
    long places = (long) count * layout.rows() * layout.columns();
    MemorySegment side = pass.floats(SIDE_BY_SIDE, places * stages * hidden);
    segformer.forward(
        pass,
        images,
        (stage, x, height, width) -> {
          long tokens = (long) count * height * width;
          MemorySegment projected = pass.floats(HEAD_MAP, tokens * hidden);
          projections.get(stage).forward(pass, x, projected, tokens);
          Resize resize =
              new Resize(
                  new ImageShape(count, height, width, hidden),
                  layout.rows(),
                  layout.columns(),
                  (long) stages * hidden,
                  Interpolation.BILINEAR);
          MemorySegment y = side.asSlice((stages - 1L - stage) * hidden * Float.BYTES);
          kernels.image().interpolate(projected, resize, y, workspace);
        });
    MemorySegment fused = pass.floats(HEAD_MAP, places * hidden);
    MemorySegment logits = pass.floats(LOGITS, places * classifier.out());
    fuse.forward(pass, side, fused, places, Activation.RELU);
    classifier.forward(pass, fused, logits, places);
    if (pass.isTraced()) {
      int labels = Math.toIntExact(classifier.out());
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment y =
            SegformerModel.channelsFirst(
                kernels.memory().onHost(logits, places * labels, workspace),
                count,
                layout.rows() * layout.columns(),
                labels,
                arena);
        trace.accept("logits", y, count, labels, layout.rows(), layout.columns());
      }
    }
    return logits;
  }
}
