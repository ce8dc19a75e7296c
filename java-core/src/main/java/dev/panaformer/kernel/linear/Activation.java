package dev.panaformer.kernel.linear;

import static dev.panaformer.bindings.panaformer_h.PF_ACTIVATION_GELU_ERF;
import static dev.panaformer.bindings.panaformer_h.PF_ACTIVATION_GELU_QUICK;
import static dev.panaformer.bindings.panaformer_h.PF_ACTIVATION_GELU_TANH;
import static dev.panaformer.bindings.panaformer_h.PF_ACTIVATION_NONE;
import static dev.panaformer.bindings.panaformer_h.PF_ACTIVATION_RELU;
import static dev.panaformer.bindings.panaformer_h.PF_ACTIVATION_SILU;
import static dev.panaformer.bindings.panaformer_h.PF_ACTIVATION_TANH;

/** Activation functions, which are applied to each element. */
public enum Activation {
  NONE(PF_ACTIVATION_NONE()),
  RELU(PF_ACTIVATION_RELU()),
  /** {@code x/2 (1 + erf(x/√2))}. Hendrycks and Gimpel 2016. */
  GELU_ERF(PF_ACTIVATION_GELU_ERF()),
  /** {@code x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))}. */
  GELU_TANH(PF_ACTIVATION_GELU_TANH()),
  /** {@code x · sigmoid(1.702 x)}. */
  GELU_QUICK(PF_ACTIVATION_GELU_QUICK()),
  /** {@code x · sigmoid(x)}. */
  SILU(PF_ACTIVATION_SILU()),
  TANH(PF_ACTIVATION_TANH());

  private final int value;

  Activation(int value) {
    this.value = value;
  }

  /** Returns the constant of the C interface. */
  public int value() {
    return value;
  }
}
