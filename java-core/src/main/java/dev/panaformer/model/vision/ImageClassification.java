package dev.panaformer.model.vision;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * An encoder with a head for image classification. A linear layer computes a score for each label
 * from the class token or, in models without one, from the mean of all tokens. The distilled
 * variant of DeiT has two such layers, one for each of its two tokens, and averages their scores.
 *
 * @param classifiers {@code [labels, hidden]} each
 */
public record ImageClassification(VisionEncoder encoder, List<Linear> classifiers)
    implements VisionTask {
  private static final Buffer LOGITS = Buffer.named("logits");
  private static final Buffer MEAN = Buffer.named("mean of an image");
  private static final Reused<SequenceLengths> LENGTHS = Reused.of(SequenceLengths::new);

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
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
    TensorMemory memory = encoder.kernels().memory();
    VisionEncoder.Layout layout = encoder.layout(images.height(), images.width());
    int tokens = classifiers.size();
    boolean classTokens = config().hasClassTokens();
    MemorySegment x =
        classTokens
            ? encoder.firstTokens(images, interpolatePositions, tokens, workspace, trace)
            : encoder.forward(images, interpolatePositions, workspace, trace);
    Pass pass = Pass.of(encoder.kernels(), workspace, workspace.batch(), trace);
    int labels = config().labels().size();
    long count = (long) images.count() * labels;
    MemorySegment logits = pass.floats(LOGITS, count * classifiers.size());
    for (int i = 0; i < classifiers.size(); i++) {
      MemorySegment features =
          classTokens
              ? encoder.tokenRows(pass, x, images, tokens, i)
              : mean(pass, x, images, layout);
      MemorySegment y = logits.asSlice(i * count * Float.BYTES);
      classifiers.get(i).forward(pass, features, y, images.count());
    }
    if (classifiers.size() > 1) {
      MemorySegment distilled = logits.asSlice(count * Float.BYTES);
      pass.report("cls_logits", logits, images.count(), labels);
      pass.report("distillation_logits", distilled, images.count(), labels);
      // The scores are averaged in Java, in host memory.
      MemorySegment both = memory.onHost(logits, 2 * count, workspace);
      memory.write(logits, count, workspace, mean -> average(both, mean, count));
    }
    pass.report("logits", logits, images.count(), labels);
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
      Pass pass, MemorySegment x, Images images, VisionEncoder.Layout layout) {
    SequenceLengths lengths =
        pass.workspace().reused(LENGTHS).equal(images.count(), layout.tokens());
    MemorySegment y = pass.floats(MEAN, (long) images.count() * layout.hidden());
    pass.kernels().embedding().pool(x, lengths, y, layout.hidden(), Pooling.MEAN, false);
    return y;
  }
}
