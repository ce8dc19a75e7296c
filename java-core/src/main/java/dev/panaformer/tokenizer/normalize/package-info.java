/**
 * Normalizers, one file each. They rewrite a text before it is split.
 *
 * <p>Not exported. May import {@code checkpoint}, {@code tokenizer.pattern} and {@code
 * tokenizer.text}.
 */
package dev.panaformer.tokenizer.normalize;
