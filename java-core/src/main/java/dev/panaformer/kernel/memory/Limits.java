package dev.panaformer.kernel.memory;

import static dev.panaformer.bindings.panaformer_h.PF_MAX_DIMENSION;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_HEAD_DIM;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_INT8_FEATURES;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_KERNEL;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_SCREENED_TOKENS;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_SPARSE_HEAD_DIM;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_THREADS;

/** The limits of all kernels, in Java too, as {@code panaformer.h} defines them. */
public final class Limits {
  /** The largest size of any dimension, in elements. */
  public static final int MAX_DIMENSION = PF_MAX_DIMENSION();

  /** The most features of an attention head. */
  public static final int MAX_HEAD_DIM = PF_MAX_HEAD_DIM();

  /** The most features of a head of attention over lists of keys. */
  public static final int MAX_SPARSE_HEAD_DIM = PF_MAX_SPARSE_HEAD_DIM();

  /** The most input features of a weight in 8 bits. */
  public static final int MAX_INT8_FEATURES = PF_MAX_INT8_FEATURES();

  /** The largest side of a depthwise convolution. */
  public static final int MAX_CONVOLUTION = PF_MAX_KERNEL();

  /** The most rows of a call for which a screen is used. */
  public static final int MAX_SCREENED_ROWS = PF_MAX_SCREENED_TOKENS();

  /** The most threads of an engine. */
  public static final int MAX_THREADS = PF_MAX_THREADS();

  private Limits() {}
}
