/**
 * Encodes text to token ids and decodes them, using the tokenizer library of Hugging Face. Files
 * that could make that library end the process are refused before it reads them.
 *
 * <p>Not exported. May import {@code checkpoint}.
 */
package dev.panaformer.tokenizer;
