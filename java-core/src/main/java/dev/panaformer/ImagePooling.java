package dev.panaformer;

/** How the hidden states of an image are reduced to one vector. */
public enum ImagePooling {
  /** The first token, or the mean for models without a class token. */
  CLS,
  /** The second token of DeiT, which was trained by distillation. */
  DISTILLATION,
  /** The mean of all patches. */
  MEAN
}
