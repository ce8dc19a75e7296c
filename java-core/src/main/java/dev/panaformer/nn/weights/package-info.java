/**
 * Layers out of checkpoints: {@link dev.panaformer.nn.weights.Weights} reads named tensors, checks
 * their shapes, packs matrices for the kernels and makes layers of them.
 *
 * <p>Not exported. May import what {@code dev.panaformer.nn} may, {@code checkpoint}, and {@code
 * dev.panaformer.nn} itself, which does not know this package.
 */
package dev.panaformer.nn.weights;
