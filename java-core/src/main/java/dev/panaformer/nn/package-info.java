/**
 * The layers that models are made of: records of weights with a forward pass. Every layer sees the
 * {@link dev.panaformer.nn.Pass}. Layers are made of a checkpoint by the package {@code weights}.
 *
 * <p>Not exported. May import {@code kernel} and its packages.
 */
package dev.panaformer.nn;
