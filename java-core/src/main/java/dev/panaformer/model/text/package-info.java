/**
 * Encoders of texts and their heads: the BERT family, Longformer, BigBird, Linformer, Performer.
 *
 * <p>Not exported. May import what {@code dev.panaformer.model} may, and that package.
 */
package dev.panaformer.model.text;
