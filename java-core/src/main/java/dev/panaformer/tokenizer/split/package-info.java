/**
 * Pre-tokenizers, one file each. They split a normalized text into pieces, which the model encodes
 * one by one.
 *
 * <p>Not exported. May import {@code checkpoint}, {@code tokenizer.pattern} and {@code
 * tokenizer.text}.
 */
package dev.panaformer.tokenizer.split;
