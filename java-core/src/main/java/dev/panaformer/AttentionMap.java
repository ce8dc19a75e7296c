package dev.panaformer;

/**
 * The cross-attention of an encoder-decoder: how much each target token attends to each source
 * token. The arrays must not be modified.
 *
 * @param source the tokens that the encoder read
 * @param target the tokens that the decoder read, starting with the start token
 * @param weights {@code [layers][heads][target][source]}; the weights of each target token sum to 1
 */
public record AttentionMap(int[] source, int[] target, float[][][][] weights) {

  /** The mean over all layers and heads, {@code [target][source]}. */
  public float[][] mean() {
    float[][] mean = new float[target.length][source.length];
    for (int layer = 0; layer < weights.length; layer++) {
      add(mean, layer, 1f / weights.length);
    }
    return mean;
  }

  /**
   * The mean over the heads of one layer, {@code [target][source]}.
   *
   * @throws IndexOutOfBoundsException if there is no such layer
   */
  public float[][] mean(int layer) {
    float[][] mean = new float[target.length][source.length];
    add(mean, layer, 1);
    return mean;
  }

  private void add(float[][] sum, int layer, float factor) {
    for (float[][] head : weights[layer]) {
      for (int t = 0; t < target.length; t++) {
        for (int s = 0; s < source.length; s++) {
          sum[t][s] += head[t][s] * factor / weights[layer].length;
        }
      }
    }
  }
}
