/**
 * Linear layers and feed-forward networks, and the packing of their weights.
 *
 * <p>It may import {@code kernel.engine}, {@code kernel.memory}, {@code tensor} and the bindings.
 */
package dev.panaformer.kernel.linear;
