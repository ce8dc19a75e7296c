/**
 * Text to ids and back, by the tokenizer library of Hugging Face, which gets no file that could end
 * the process.
 *
 * <p>Not exported. May import {@code checkpoint}.
 */
package dev.panaformer.tokenizer;
