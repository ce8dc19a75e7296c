package dev.panaformer.bench.kernel;

import dev.panaformer.nn.OrthogonalFeatures;
import java.util.Arrays;
import java.util.Random;

/** The inputs of every {@link KernelSide}: seeded random values in the shapes of an encoder. */
final class KernelInputs {
  static final float EPS = 1e-12f;
  static final int POSITIONS = 512;

  /** The number of projected keys of Linformer and of random features of Performer. */
  static final int PROJECTED = 48;

  final int hidden;
  final int heads;
  final int intermediate;
  final int vocab;

  /** The number of tokens of each sequence. */
  final int[] lengths;

  final int tokens;

  final float[] x; // [tokens, hidden]
  final float[] residual; // [tokens, hidden]
  final float[] qkv; // [tokens, 3 hidden]: queries, keys, values
  final float[] wide; // [tokens, intermediate]
  final float[] scores; // [heads tokens, tokens]
  final float[] square; // [hidden, hidden]
  final float[] up; // [intermediate, hidden]
  final float[] down; // [hidden, intermediate]
  final float[] bias; // [hidden]
  final float[] upBias; // [intermediate]
  final float[] normWeight; // [hidden]
  final float[] words; // [vocab, hidden]
  final float[] positions; // [POSITIONS, hidden]
  final float[] types; // [2, hidden]
  final int[] ids; // [tokens]
  final float[] keyProjection; // [POSITIONS, PROJECTED]
  final float[] valueProjection; // [POSITIONS, PROJECTED]
  final float[] randomFeatures; // [PROJECTED, headDim]

  KernelInputs(int hidden, int heads, int intermediate, int vocab, int... lengths) {
    this.hidden = hidden;
    this.heads = heads;
    this.intermediate = intermediate;
    this.vocab = vocab;
    this.lengths = lengths;
    tokens = Arrays.stream(lengths).sum();
    Random random = new Random(1);
    x = noise(random, tokens * hidden, 1);
    residual = noise(random, tokens * hidden, 1);
    qkv = noise(random, tokens * 3 * hidden, 1);
    wide = noise(random, tokens * intermediate, 1);
    scores = noise(random, heads * tokens * tokens, 3);
    square = noise(random, hidden * hidden, 0.05);
    up = noise(random, intermediate * hidden, 0.05);
    down = noise(random, hidden * intermediate, 0.05);
    bias = noise(random, hidden, 1);
    upBias = noise(random, intermediate, 1);
    normWeight = noise(random, hidden, 1);
    words = noise(random, vocab * hidden, 1);
    positions = noise(random, POSITIONS * hidden, 1);
    types = noise(random, 2 * hidden, 1);
    ids = random.ints(tokens, 0, vocab).toArray();
    keyProjection = noise(random, POSITIONS * PROJECTED, 0.1);
    valueProjection = noise(random, POSITIONS * PROJECTED, 0.1);
    randomFeatures = OrthogonalFeatures.draw(1, PROJECTED, hidden / heads);
  }

  /** One sequence in the shapes of all-MiniLM-L6-v2. */
  static KernelInputs miniLm(int tokens) {
    return new KernelInputs(384, 12, 1536, 30522, tokens);
  }

  /** One sequence in the shapes of BERT-base. */
  static KernelInputs bertBase(int tokens) {
    return new KernelInputs(768, 12, 3072, 30522, tokens);
  }

  int headDim() {
    return hidden / heads;
  }

  float attentionScale() {
    return (float) (1 / Math.sqrt(headDim()));
  }

  /** The factor for queries and keys before random features are applied. */
  float featureScale() {
    return (float) Math.pow(headDim(), -0.25);
  }

  /** The number of floats of the largest output. */
  int largestOutput() {
    return Math.max(tokens * Math.max(hidden, intermediate), heads * tokens * tokens);
  }

  private static float[] noise(Random random, int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }
}
