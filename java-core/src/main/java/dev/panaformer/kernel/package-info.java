/**
 * The kernels under the models: {@link dev.panaformer.kernel.Kernels} and its three
 * implementations.
 *
 * <p>Not exported. May import the families below it ({@code linear}, {@code attention}, {@code
 * norm}, {@code image}, {@code decoding}, {@code embedding}), {@code engine}, {@code memory},
 * {@code tensor} and the bindings, which no package outside of {@code kernel} may import.
 */
package dev.panaformer.kernel;
