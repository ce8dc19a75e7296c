package dev.panaformer.kernel.image;

import static dev.panaformer.bindings.panaformer_h.PF_INTERPOLATION_BICUBIC;
import static dev.panaformer.bindings.panaformer_h.PF_INTERPOLATION_BILINEAR;

/** How an image is resized. */
public enum Interpolation {
  BILINEAR(PF_INTERPOLATION_BILINEAR()),
  /** Keys 1981, with a = -0.75. */
  BICUBIC(PF_INTERPOLATION_BICUBIC());

  private final int value;

  Interpolation(int value) {
    this.value = value;
  }

  /** The value that the C interface has for it. */
  public int value() {
    return value;
  }
}
