package dev.panaformer;

/** How the hidden states of an image become one vector. */
public enum ImagePooling {
  /** The first token, of models that have one; else the mean. */
  CLS,
  /** DeiT's second token, that learned from a teacher. */
  DISTILLATION,
  /** The mean of all patches. */
  MEAN
}
