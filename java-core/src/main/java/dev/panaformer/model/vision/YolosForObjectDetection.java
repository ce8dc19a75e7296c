package dev.panaformer.model.vision;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * YOLOS (Fang et al. 2021) with its head for object detection. Two networks of three layers compute
 * scores of labels and a box for each detection token. One more label stands for "no object".
 *
 * @param labels three layers, the last {@code [labels + 1, hidden]}; the last score is that of "no
 *     object"
 * @param boxes three layers, the last {@code [4, hidden]}
 */
public record YolosForObjectDetection(VitModel vit, List<Linear> labels, List<Linear> boxes)
    implements VisionTask {
  private static final Buffer DETECTIONS = Buffer.named("detection tokens");
  private static final Buffer HEAD = Buffer.named("hidden layers of a head");
  private static final Buffer LOGITS = Buffer.named("logits and boxes");
  private static final int HEAD_LAYERS = 3;

  /**
   * The numbers of a box: the x and y of its centre, width and height, each relative to the size of
   * the image.
   */
  public static final int BOX = 4;

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static YolosForObjectDetection load(Weights weights, VitConfig config) {
    int hidden = config.hiddenSize();
    return new YolosForObjectDetection(
        VitModel.load(weights, config),
        head(
            weights.inFp32().at("class_labels_classifier.layers"),
            hidden,
            config.labels().size() + 1),
        head(weights.inFp32().at("bbox_predictor.layers"), hidden, BOX));
  }

  private static List<Linear> head(Weights layers, int hidden, int out) {
    return List.of(
        layers.linear("0", hidden, hidden),
        layers.linear("1", hidden, hidden),
        layers.linear("2", out, hidden));
  }

  @Override
  public VisionConfig config() {
    return vit.config();
  }

  /**
   * @return logits {@code [count, tokens, labels + 1]}, followed by boxes {@code [count, tokens,
   *     4]}; see {@link #BOX}
   */
  @Override
  public MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace) {
    MemorySegment x = vit.forward(images, interpolatePositions, workspace, trace);
    Pass pass = Pass.of(vit.kernels(), workspace, workspace.batch(), trace);
    TensorMemory memory = vit.kernels().memory();
    int hidden = vit.config().hiddenSize();
    int objects = vit.config().numDetectionTokens();
    int tokens = vit.layout(images.height(), images.width()).tokens();
    long rows = (long) images.count() * objects;
    MemorySegment detections = pass.floats(DETECTIONS, rows * hidden);
    long floats = (long) objects * hidden;
    for (int i = 0; i < images.count(); i++) {
      long end = (i + 1L) * tokens * hidden;
      memory.copy(x, end - floats, detections, i * floats, floats);
    }
    long classes = labels.getLast().out();
    MemorySegment logits = pass.floats(LOGITS, rows * (classes + BOX));
    MemorySegment places = logits.asSlice(rows * classes * Float.BYTES);
    apply(pass, labels, detections, logits, rows);
    apply(pass, boxes, detections, places, rows);
    // The sigmoid is computed in Java, in host memory.
    MemorySegment linear = memory.onHost(places, rows * BOX, workspace);
    memory.write(places, rows * BOX, workspace, y -> sigmoid(linear, y, rows * BOX));
    if (pass.isTraced()) {
      trace.accept("logits", logits, images.count(), objects, classes);
      trace.accept("pred_boxes", places, images.count(), objects, BOX);
    }
    return logits;
  }

  private static void sigmoid(MemorySegment x, MemorySegment y, long count) {
    for (long i = 0; i < count; i++) {
      double place = x.getAtIndex(JAVA_FLOAT, i);
      y.setAtIndex(JAVA_FLOAT, i, (float) (1 / (1 + Math.exp(-place))));
    }
  }

  private static void apply(
      Pass pass, List<Linear> head, MemorySegment x, MemorySegment y, long rows) {
    long floats = rows * head.getFirst().out();
    MemorySegment hidden = pass.floats(HEAD, 2 * floats);
    MemorySegment next = hidden.asSlice(floats * Float.BYTES);
    head.get(0).forward(pass, x, hidden, rows, Activation.RELU);
    head.get(1).forward(pass, hidden, next, rows, Activation.RELU);
    head.get(HEAD_LAYERS - 1).forward(pass, next, y, rows);
  }
}
