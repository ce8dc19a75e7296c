package dev.panaformer.bench.kernel;

/**
 * One implementation of the kernels, for given {@link KernelInputs} and one thread. Each call
 * overwrites the result of the previous call.
 */
interface KernelSide extends AutoCloseable {
  /** {@code x squareᵀ + bias}, {@code [tokens, hidden]}. */
  void linear();

  /** {@code gelu(x upᵀ + upBias) downᵀ + bias + residual}, {@code [tokens, hidden]}. */
  void feedForward();

  /** Self-attention over qkv, {@code [tokens, hidden]}. */
  void attention();

  /** Self-attention over projected keys and values of qkv, {@code [tokens, hidden]}. */
  void linformerAttention();

  /** Self-attention over qkv with softmax features (Performer), {@code [tokens, hidden]}. */
  void performerAttention();

  /** {@code LayerNorm(x + residual)}, {@code [tokens, hidden]}. */
  void layerNorm();

  /** {@code RMSNorm(x + residual)}, {@code [tokens, hidden]}. */
  void rmsNorm();

  /** Softmax over the rows of scores, {@code [heads tokens, tokens]}. */
  void softmax();

  /** GELU (with erf) of wide, {@code [tokens, intermediate]}. */
  void activate();

  /** The sum of BERT's three embedding tables and LayerNorm, {@code [tokens, hidden]}. */
  void embedding();

  /** The normalised mean of each sequence of x, {@code [sequences, hidden]}. */
  void pool();

  /** The first {@code count} floats of the last result. */
  float[] result(int count);

  @Override
  default void close() {}
}
