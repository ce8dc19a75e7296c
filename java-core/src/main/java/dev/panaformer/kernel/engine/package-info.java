/**
 * Engines of the native library, through which the native side of every family calls it.
 *
 * <p>It may import {@code kernel.memory} and the bindings.
 */
package dev.panaformer.kernel.engine;
