package dev.panaformer.kernel;

/** Elementwise functions that follow a linear layer. The order is that of {@code pf_activation}. */
public enum Activation {
  NONE,
  RELU,
  /** {@code x/2 (1 + erf(x/√2))}. Hendrycks and Gimpel 2016. */
  GELU_ERF,
  /** {@code x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))}. */
  GELU_TANH,
  /** {@code x · sigmoid(1.702 x)}. */
  GELU_QUICK,
  /** {@code x · sigmoid(x)}. */
  SILU,
  TANH
}
