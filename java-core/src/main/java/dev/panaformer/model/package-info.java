/**
 * Models and their configurations, made of layers.
 *
 * <p>Not exported. May import {@code nn}, {@code kernel}, {@code image.preprocessing}, {@code
 * checkpoint} and {@code tensor}.
 */
package dev.panaformer.model;
