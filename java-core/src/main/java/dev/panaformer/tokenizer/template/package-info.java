/**
 * Post-processors: the tokens that a model expects around a text or a pair of texts.
 *
 * <p>Not exported. May import {@code checkpoint} and {@code tokenizer.text}.
 */
package dev.panaformer.tokenizer.template;
