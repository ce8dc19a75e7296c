/**
 * The arithmetic under the models: {@link dev.panaformer.kernel.Kernels}, native, for CUDA and in
 * Java, with the memory that they work on.
 *
 * <p>Not exported. May import {@code tensor} and the native bindings, which no other package may.
 */
package dev.panaformer.kernel;
