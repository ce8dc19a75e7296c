/**
 * The layers that models are made of. Every layer sees the {@link dev.panaformer.nn.Pass}.
 *
 * <p>It may import {@code kernel} and its packages, {@code checkpoint} and {@code tensor}.
 */
package dev.panaformer.nn;
