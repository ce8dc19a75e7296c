/**
 * The kernels under the models: {@link dev.panaformer.kernel.Kernels} and its three
 * implementations.
 *
 * <p>It may import the families below it ({@code linear}, {@code attention}, {@code norm}, {@code
 * image}, {@code decoding}, {@code embedding}), {@code engine}, {@code memory} and the bindings.
 */
package dev.panaformer.kernel;
