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
 * The arithmetic under the models, in families: one method for each fused kernel, with the same
 * contract for native code and plain Java.
 *
 * <p>Tensors are contiguous float32 in native byte order unless strides are given; sizes count
 * elements. An absent tensor is {@link java.lang.foreign.MemorySegment#NULL}. Segments may be
 * longer than a call needs. Every implementation checks shapes before it computes and throws an
 * {@link IllegalArgumentException} that names the argument, the expected and the received size; ids
 * outside of their table are an {@link IndexOutOfBoundsException}. A call allocates nothing.
 *
 * <p>Thread-safe: any number of threads may call all methods at once, with distinct outputs and
 * workspaces. Results do not depend on the number of threads, nor, for a sequence, on its batch.
 */
public sealed interface Kernels extends AutoCloseable permits NativeKernels, JavaKernels {

  /** Backend, instruction set and threads, for users. */
  String description();

  /** Where tensors lie, and how Java reaches them. */
  TensorMemory memory();

  /** Brings weights into the layouts that these kernels read. */
  WeightPacking packing();

  LinearKernels linear();

  AttentionKernels attention();

  NormKernels norm();

  ImageKernels image();

  DecodingKernels decoding();

  EmbeddingKernels embedding();

  /**
   * Runs a pass that will be repeated with the same kernels, as a step of decoding is. A device
   * launches them as one.
   */
  default void step(Runnable pass) {
    pass.run();
  }

  /** Frees the threads. No call may be in flight. */
  @Override
  void close();

  /**
   * Native kernels with the best instruction set, or kernels in Java where there is no native
   * library, which is logged once, as a warning.
   *
   * @param threads how many threads compute, the caller's among them
   * @throws UnsupportedOperationException if PANAFORMER_ISA demands an instruction set that is not
   *     there
   */
  static Kernels best(int threads) {
    Optional<NativeLibraryException> missing = NativeLibrary.tryLoad();
    if (missing.isEmpty()) {
      return NativeKernels.create(Isa.AUTO, threads);
    }
    return JavaKernels.insteadOf(missing.get());
  }
}
