/**
 * Converts pixels to the input of a model, as preprocessor_config.json describes: resize, crop,
 * rescale, normalize.
 *
 * <p>Not exported. May import {@code image} and {@code checkpoint}.
 */
package dev.panaformer.image.preprocessing;
