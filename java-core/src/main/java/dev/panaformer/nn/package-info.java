/**
 * Layers: records of weights with a forward pass, made of the weights of a checkpoint.
 *
 * <p>Not exported. May import {@code kernel}, {@code checkpoint} and {@code tensor}.
 */
package dev.panaformer.nn;
