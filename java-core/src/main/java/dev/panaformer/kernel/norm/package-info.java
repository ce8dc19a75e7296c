/**
 * Functions that normalise rows.
 *
 * <p>It may import {@code kernel.engine}, {@code kernel.memory} and the bindings.
 */
package dev.panaformer.kernel.norm;
