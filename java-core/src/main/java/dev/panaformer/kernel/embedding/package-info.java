/**
 * Embeddings of tokens, gathering of rows, and pooling of sequences.
 *
 * <p>It may import {@code kernel.linear}, {@code kernel.norm}, {@code kernel.engine}, {@code
 * kernel.memory} and the bindings.
 */
package dev.panaformer.kernel.embedding;
