package dev.panaformer.kernel.memory;

import static dev.panaformer.bindings.panaformer_h.PF_MAX_DIMENSION;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_HEAD_DIM;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_INT8_FEATURES;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_KERNEL;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_SCREENED_TOKENS;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_SPARSE_HEAD_DIM;
import static dev.panaformer.bindings.panaformer_h.PF_MAX_THREADS;

/** The limits of all kernels, including those in Java, as {@code panaformer.h} defines them. */
public final class Limits {
  /** The largest size of any dimension, in elements. */
  public static final int MAX_DIMENSION = PF_MAX_DIMENSION();

  /** The largest number of features of an attention head. */
  public static final int MAX_HEAD_DIM = PF_MAX_HEAD_DIM();

  /** The largest number of features of a head in sparse attention. */
  public static final int MAX_SPARSE_HEAD_DIM = PF_MAX_SPARSE_HEAD_DIM();

  /** The largest number of input features of an 8-bit weight. */
  public static final int MAX_INT8_FEATURES = PF_MAX_INT8_FEATURES();

  /** The largest side of a depthwise convolution. */
  public static final int MAX_CONVOLUTION = PF_MAX_KERNEL();

  /** The largest number of rows for which a call uses a screen. */
  public static final int MAX_SCREENED_ROWS = PF_MAX_SCREENED_TOKENS();

  /** The largest number of threads of an engine. */
  public static final int MAX_THREADS = PF_MAX_THREADS();

  private Limits() {}
}
