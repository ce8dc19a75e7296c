package dev.panaformer.kernel.attention;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import dev.panaformer.kernel.memory.Floats;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * {@link AttentionKernels#performerAttention} as plain loops in double, one key at a time. For each
 * feature it accumulates over the keys seen so far: the sums of the feature's weights times the
 * values, the sum of its weights, and the exponent by which all of them are scaled down.
 */
final class JavaPerformerAttention {
  private final MemorySegment qkv;
  private final RandomFeatures features;
  private final MemorySegment y;
  private final long heads;
  private final boolean causal;
  private final long headDim;

  /**
   * The accumulated sums {@code [features, headDim + 2]}, then the exponents or features of one
   * query {@code [features]}.
   */
  private final MemorySegment sums;

  private final long sumsRow;
  private final long answers;

  JavaPerformerAttention(
      MemorySegment qkv, PerformerShape shape, MemorySegment y, Workspace workspace) {
    this.qkv = qkv;
    this.features = shape.features();
    this.y = y;
    this.heads = shape.heads();
    this.causal = shape.causal();
    this.headDim = features.headDim();
    this.sumsRow = headDim + 2;
    this.answers = features.count() * sumsRow;
    this.sums = workspace.scratch((answers + features.count()) * Double.BYTES);
  }

  void run(TokenBatch batch) {
    for (int s = 0; s < batch.sequences(); s++) {
      for (long h = 0; h < heads; h++) {
        clear();
        for (int t = batch.start(s); t < batch.start(s + 1); t++) {
          add(t, h);
          if (causal) {
            answer(t, h);
          }
        }
        for (int t = batch.start(s); t < batch.start(s + 1) && !causal; t++) {
          answer(t, h);
        }
      }
    }
  }

  private void clear() {
    for (long i = 0; i < answers; i++) {
      boolean exponent = i % sumsRow == headDim + 1;
      sums.setAtIndex(JAVA_DOUBLE, i, exponent ? Double.NEGATIVE_INFINITY : 0);
    }
  }

  private double get(long index) {
    return sums.getAtIndex(JAVA_DOUBLE, index);
  }

  /** Returns the scaled product of a query or key with a random vector. */
  private double product(long feature, long x) {
    return features.scale() * Floats.dot(features.weight(), feature * headDim, qkv, x, headDim);
  }

  private double relu(double product) {
    return Math.max(product, 0) + features.offset();
  }

  private void add(int token, long head) {
    long k = (token * 3L + 1) * heads * headDim + head * headDim;
    long v = k + heads * headDim;
    double halfSquare =
        0.5 * features.scale() * features.scale() * Floats.dot(qkv, k, qkv, k, headDim);
    for (long r = 0; r < features.count(); r++) {
      long row = r * sumsRow;
      double weight = product(r, k);
      double decay = 1;
      if (features.map() == FeatureMap.SOFTMAX) {
        double exponent = weight - halfSquare;
        double before = get(row + headDim + 1);
        double max = Math.max(before, exponent);
        sums.setAtIndex(JAVA_DOUBLE, row + headDim + 1, max);
        decay = Math.exp(before - max);
        weight = Math.exp(exponent - max);
      } else {
        weight = relu(weight);
      }
      for (long d = 0; d <= headDim; d++) {
        double value = d < headDim ? Floats.get(qkv, v + d) : 1;
        sums.setAtIndex(JAVA_DOUBLE, row + d, decay * get(row + d) + weight * value);
      }
    }
  }

  private void answer(int token, long head) {
    long q = token * 3L * heads * headDim + head * headDim;
    double max = Double.NEGATIVE_INFINITY;
    for (long r = 0; r < features.count(); r++) {
      double weight = product(r, q);
      if (features.map() == FeatureMap.SOFTMAX) {
        weight += get(r * sumsRow + headDim + 1);
        max = Math.max(max, weight);
      } else {
        weight = relu(weight);
      }
      sums.setAtIndex(JAVA_DOUBLE, answers + r, weight);
    }
    for (long r = 0; r < features.count() && features.map() == FeatureMap.SOFTMAX; r++) {
      sums.setAtIndex(JAVA_DOUBLE, answers + r, Math.exp(get(answers + r) - max));
    }
    double sum = mixed(headDim);
    for (long d = 0; d < headDim; d++) {
      Floats.set(y, (token * heads + head) * headDim + d, sum == 0 ? 0 : mixed(d) / sum);
    }
  }

  private double mixed(long column) {
    double sum = 0;
    for (long r = 0; r < features.count(); r++) {
      sum += get(answers + r) * get(r * sumsRow + column);
    }
    return sum;
  }
}
