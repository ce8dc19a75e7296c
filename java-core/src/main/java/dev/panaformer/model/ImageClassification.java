package dev.panaformer.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * An encoder with a linear layer that gives each label a score. The layer reads the class token or,
 * in models without one, the mean of all tokens. DeiT's variant with a teacher takes the mean of
 * two such layers, one over each of its two tokens.
 *
 * @param classifiers {@code [labels, hidden]} each
 */
public record ImageClassification(VisionEncoder encoder, List<Linear> classifiers)
    implements VisionTask {

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration says
   */
  public static ImageClassification load(Weights weights, VisionConfig config) {
    int labels = config.labels().size();
    int hidden = config.hiddenSize();
    return new ImageClassification(
        config.encoder(weights),
        config.classifiers().stream()
            .map(name -> weights.inFp32().linear(name, labels, hidden))
            .toList());
  }

  @Override
  public VisionConfig config() {
    return encoder.config();
  }

  /**
   * @return logits {@code [count, labels]}
   */
  @Override
  public MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace) {
    Kernels kernels = encoder.kernels();
    VisionEncoder.Layout layout = encoder.layout(images.height(), images.width());
    int tokens = classifiers.size();
    boolean classTokens = config().hasClassTokens();
    MemorySegment x =
        classTokens
            ? encoder.firstTokens(images, interpolatePositions, tokens, workspace, trace)
            : encoder.forward(images, interpolatePositions, workspace, trace);
    int labels = config().labels().size();
    long count = (long) images.count() * labels;
    MemorySegment logits = workspace.floats(Buffer.LOGITS, count * classifiers.size());
    for (int i = 0; i < classifiers.size(); i++) {
      MemorySegment features =
          classTokens
              ? encoder.tokenRows(x, images, tokens, i, workspace)
              : mean(x, images, layout, workspace);
      MemorySegment y = logits.asSlice(i * count * Float.BYTES);
      classifiers.get(i).forward(kernels, features, y, images.count());
    }
    if (classifiers.size() > 1) {
      MemorySegment distilled = logits.asSlice(count * Float.BYTES);
      if (trace != null) {
        trace.accept("cls_logits", logits, images.count(), labels);
        trace.accept("distillation_logits", distilled, images.count(), labels);
      }
      // Java writes where it reads, on the host or in place.
      MemorySegment both = kernels.memory().onHost(logits, 2 * count, workspace);
      kernels.memory().write(logits, count, workspace, mean -> average(both, mean, count));
    }
    if (trace != null) {
      trace.accept("logits", logits, images.count(), labels);
    }
    return logits;
  }

  private static void average(MemorySegment both, MemorySegment mean, long count) {
    for (long i = 0; i < count; i++) {
      float sum = both.getAtIndex(JAVA_FLOAT, i) + both.getAtIndex(JAVA_FLOAT, count + i);
      mean.setAtIndex(JAVA_FLOAT, i, sum / 2);
    }
  }

  /** The mean of all tokens of each image, {@code [count, hidden]}. */
  static MemorySegment mean(
      Kernels kernels,
      MemorySegment x,
      Images images,
      VisionEncoder.Layout layout,
      Workspace workspace) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int i = 0; i < images.count(); i++) {
      for (int t = 0; t < layout.tokens(); t++) {
        batch.add(0, 0, 0);
      }
      batch.endSequence();
    }
    MemorySegment y = workspace.floats(Buffer.POOLED, (long) images.count() * layout.hidden());
    kernels.embedding().pool(x, batch, y, layout.hidden(), Pooling.MEAN, false);
    return y;
  }

  private MemorySegment mean(
      MemorySegment x, Images images, VisionEncoder.Layout layout, Workspace workspace) {
    return mean(encoder.kernels(), x, images, layout, workspace);
  }
}
