/**
 * Tensors in host or device memory, workspaces of forward passes, token batches, selections of
 * rows, and the argument checks that all kernels share.
 *
 * <p>It may import the bindings only.
 */
package dev.panaformer.kernel.memory;
