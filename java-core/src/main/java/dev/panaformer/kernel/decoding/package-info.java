/**
 * The key-value cache, attention over it, and the top-k of logits.
 *
 * <p>It may import {@code kernel.linear}, {@code kernel.engine}, {@code kernel.memory} and the
 * bindings.
 */
package dev.panaformer.kernel.decoding;
