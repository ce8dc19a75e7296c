/**
 * The models of tokenizers, one file each. They turn a piece of text into tokens.
 *
 * <p>Not exported. May import {@code checkpoint}, {@code tokenizer.text} and {@code
 * tokenizer.vocabulary}.
 */
package dev.panaformer.tokenizer.model;
