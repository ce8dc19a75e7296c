/**
 * The files that describe tokenizers: {@code tokenizer.json}, what older folders have in its place,
 * and the settings beside it.
 *
 * <p>Not exported. May import {@code checkpoint} and the other packages below {@code tokenizer}.
 */
package dev.panaformer.tokenizer.file;
