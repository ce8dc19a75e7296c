/**
 * Engines of the native library. The native implementation of every family calls the library
 * through one.
 *
 * <p>It may import {@code kernel.memory} and the bindings.
 */
package dev.panaformer.kernel.engine;
