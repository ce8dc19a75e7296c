/**
 * Attention over tensors, and rotary positions.
 *
 * <p>It may import {@code kernel.engine}, {@code kernel.memory} and the bindings.
 */
package dev.panaformer.kernel.attention;
