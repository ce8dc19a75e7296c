/**
 * Encoders of texts and their heads: the BERT family, Longformer, BigBird, Linformer, Performer.
 *
 * <p>Not exported. It may import {@code dev.panaformer.model} and everything that {@code
 * dev.panaformer.model} may import.
 */
package dev.panaformer.model.text;
