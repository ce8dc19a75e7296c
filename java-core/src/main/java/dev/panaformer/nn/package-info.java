/**
 * The layers of models. A layer is a record of its weights with a forward pass. {@link
 * dev.panaformer.nn.Weights} loads layers from a checkpoint. A {@link dev.panaformer.nn.Pass} is an
 * argument of every layer.
 *
 * <p>Not exported. It may import {@code kernel} and its packages, {@code checkpoint} and {@code
 * tensor}.
 */
package dev.panaformer.nn;
