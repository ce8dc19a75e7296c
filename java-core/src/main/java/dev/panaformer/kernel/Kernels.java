package dev.panaformer.kernel;

import dev.panaformer.bindings.NativeLibrary;
import dev.panaformer.bindings.NativeLibraryException;
import dev.panaformer.kernel.attention.AttentionKernels;
import dev.panaformer.kernel.decoding.DecodingKernels;
import dev.panaformer.kernel.embedding.EmbeddingKernels;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.image.ImageKernels;
import dev.panaformer.kernel.linear.LinearKernels;
import dev.panaformer.kernel.linear.WeightPacking;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.kernel.norm.NormKernels;
import java.util.Optional;

/**
 * The kernels that models are computed with, grouped into families. Each method of a family is one
 * fused kernel. Native code and plain Java implement the same contract.
 *
 * <p>Tensors are contiguous float32 in native byte order unless strides are given. Sizes and
 * strides count elements. An absent tensor is {@link java.lang.foreign.MemorySegment#NULL}. A
 * segment may be longer than the call needs. An output must not overlap an input unless the method
 * says that it may.
 *
 * <p>Every implementation checks its arguments before it computes. A wrong shape is an {@link
 * IllegalArgumentException} that names the argument, the expected and the received size. An id
 * without a row in its table is an {@link IndexOutOfBoundsException}. A call of a kernel allocates
 * nothing once its workspace is warm.
 *
 * <p>Thread-safe: any number of threads may call all methods at once, with distinct outputs and
 * workspaces. Results do not depend on the number of threads. The result of a sequence does not
 * depend on the other sequences of its batch.
 */
public sealed interface Kernels extends AutoCloseable permits NativeKernels, JavaKernels {

  /** Returns the backend, the instruction set and the number of threads as text for users. */
  String description();

  /** Returns the memory that holds the tensors of these kernels. */
  TensorMemory memory();

  /** Returns the functions that pack weights into the layouts that these kernels read. */
  WeightPacking packing();

  LinearKernels linear();

  AttentionKernels attention();

  NormKernels norm();

  ImageKernels image();

  DecodingKernels decoding();

  EmbeddingKernels embedding();

  /**
   * Runs a pass that will be repeated with the same kernels, as a decoding step is. A device may
   * launch all kernels of the pass together; other kernels just run the pass.
   */
  default void step(Runnable pass) {
    pass.run();
  }

  /** Stops the threads and frees the engine. No call may be in flight. */
  @Override
  void close();

  /**
   * Creates native kernels with the best available instruction set. If the native library cannot be
   * loaded, returns kernels in plain Java and logs one warning per process.
   *
   * @param threads the number of threads that compute, including the caller's
   * @throws UnsupportedOperationException if PANAFORMER_ISA names an instruction set that is not
   *     available
   */
  static Kernels best(int threads) {
    Optional<NativeLibraryException> missing = NativeLibrary.tryLoad();
    if (missing.isEmpty()) {
      return NativeKernels.create(Isa.AUTO, threads);
    }
    return JavaKernels.fallback(missing.get());
  }
}
