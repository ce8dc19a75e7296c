/**
 * Memory of tensors on the host or a device, the workspaces of passes, batches and selections of
 * rows, and the checks that all kernels share.
 *
 * <p>It may import the bindings only.
 */
package dev.panaformer.kernel.memory;
