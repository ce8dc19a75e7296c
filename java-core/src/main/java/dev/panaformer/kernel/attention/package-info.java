/**
 * Attention over tensors, and rotary position embedding.
 *
 * <p>It may import {@code kernel.engine}, {@code kernel.memory} and the bindings.
 */
package dev.panaformer.kernel.attention;
