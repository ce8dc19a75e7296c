/**
 * LayerNorm, RMSNorm and softmax.
 *
 * <p>It may import {@code kernel.engine}, {@code kernel.memory} and the bindings.
 */
package dev.panaformer.kernel.norm;
