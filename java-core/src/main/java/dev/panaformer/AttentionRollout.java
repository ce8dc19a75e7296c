package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.model.vision.VisionEncoder;
import dev.panaformer.model.vision.VitConfig;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention rollout (Abnar, Zuidema 2020). The attention of each layer is averaged over its heads
 * and then over the identity, which represents the residual connection. The product of all layers
 * gives the contribution of each patch to the first token. The input is the queries and keys of
 * each layer for one image.
 */
final class AttentionRollout {
  private final int tokens;
  private final int heads;
  private final int headDim;

  /** The mean attention of each layer, {@code [tokens, tokens]}. */
  private final List<double[]> layers = new ArrayList<>();

  AttentionRollout(VitConfig config, VisionEncoder.Layout layout) {
    this.tokens = layout.before() + layout.rows() * layout.columns() + layout.after();
    this.heads = config.numAttentionHeads();
    this.headDim = config.headDim();
  }

  /** Receives the traced values {@code qkv.N} of a pass over one image. */
  void accept(String name, MemorySegment values) {
    if (name.startsWith("qkv.")) {
      layers.add(meanAttention(values));
    }
  }

  /** The attention {@code [tokens, tokens]}, averaged over the heads. */
  private double[] meanAttention(MemorySegment qkv) {
    double[] mean = new double[tokens * tokens];
    int width = heads * headDim;
    long row = 3L * width;
    double scale = 1 / Math.sqrt(headDim);
    double[] scores = new double[tokens];
    float[] keys = new float[tokens * headDim];
    float[] query = new float[headDim];
    for (int h = 0; h < heads; h++) {
      for (int t = 0; t < tokens; t++) {
        long key = (t * row + width + (long) h * headDim) * Float.BYTES;
        MemorySegment.copy(qkv, JAVA_FLOAT, key, keys, t * headDim, headDim);
      }
      for (int i = 0; i < tokens; i++) {
        long from = (i * row + (long) h * headDim) * Float.BYTES;
        MemorySegment.copy(qkv, JAVA_FLOAT, from, query, 0, headDim);
        for (int j = 0; j < tokens; j++) {
          float score = 0;
          for (int d = 0; d < headDim; d++) {
            score += query[d] * keys[j * headDim + d];
          }
          scores[j] = score * scale;
        }
        Probabilities.softmax(scores);
        for (int j = 0; j < tokens; j++) {
          mean[i * tokens + j] += scores[j] / heads;
        }
      }
    }
    return mean;
  }

  /** The contribution of every patch to the first token. */
  PatchAttention map(VisionEncoder.Layout layout) {
    double[] shares = new double[tokens];
    shares[0] = 1;
    for (int layer = layers.size() - 1; layer >= 0; layer--) {
      double[] attention = layers.get(layer);
      double[] next = new double[tokens];
      for (int i = 0; i < tokens; i++) {
        next[i] += shares[i] / 2;
        for (int j = 0; j < tokens; j++) {
          next[j] += shares[i] * attention[i * tokens + j] / 2;
        }
      }
      shares = next;
    }
    float[] weights = new float[layout.rows() * layout.columns()];
    double largest = 0;
    for (int i = 0; i < weights.length; i++) {
      largest = Math.max(largest, shares[layout.before() + i]);
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) (largest == 0 ? 0 : shares[layout.before() + i] / largest);
    }
    return new PatchAttention(layout.rows(), layout.columns(), weights);
  }
}
