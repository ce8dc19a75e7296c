/**
 * The layers that models are made of: records of weights with a forward pass, which are made of a
 * checkpoint by {@link dev.panaformer.nn.Weights}. Every layer sees the {@link
 * dev.panaformer.nn.Pass}.
 *
 * <p>Not exported. May import {@code kernel} and its packages, {@code checkpoint} and {@code
 * tensor}.
 */
package dev.panaformer.nn;
