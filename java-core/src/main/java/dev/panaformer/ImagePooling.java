package dev.panaformer;

/** How the hidden states of an image are reduced to one vector. */
public enum ImagePooling {
  /** The first token; the mean if the model has no class token. */
  CLS,
  /** The second token of DeiT, which was trained by distillation. */
  DISTILLATION,
  /** The mean of all patches. */
  MEAN
}
