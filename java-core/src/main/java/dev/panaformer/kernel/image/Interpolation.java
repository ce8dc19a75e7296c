package dev.panaformer.kernel.image;

import static dev.panaformer.bindings.panaformer_h.PF_INTERPOLATION_BICUBIC;
import static dev.panaformer.bindings.panaformer_h.PF_INTERPOLATION_BILINEAR;

/** The interpolation with which an image is resized. */
public enum Interpolation {
  BILINEAR(PF_INTERPOLATION_BILINEAR()),
  /** Cubic convolution with a = -0.75 (Keys 1981). */
  BICUBIC(PF_INTERPOLATION_BICUBIC());

  private final int value;

  Interpolation(int value) {
    this.value = value;
  }

  /** Returns the constant of the C interface. */
  public int value() {
    return value;
  }
}
