/**
 * Tokens and their ids: the table of a model's tokens, and the tokens that a file adds to it.
 *
 * <p>Not exported. May import {@code checkpoint} and {@code tokenizer.text}.
 */
package dev.panaformer.tokenizer.vocabulary;
