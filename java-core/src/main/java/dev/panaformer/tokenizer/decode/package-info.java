/**
 * Decoders, one file each. They turn the spellings of tokens into text.
 *
 * <p>Not exported. May import {@code checkpoint}, {@code tokenizer.pattern} and {@code
 * tokenizer.text}.
 */
package dev.panaformer.tokenizer.decode;
