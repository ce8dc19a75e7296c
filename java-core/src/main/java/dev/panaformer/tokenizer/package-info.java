/**
 * Encodes text to token ids and decodes them. {@code Tokenizer} is the interface; the packages
 * below hold one component in one file each: normalizers ({@code normalize}), pre-tokenizers
 * ({@code split}), models ({@code model}), templates ({@code template}), decoders ({@code decode}),
 * and the file formats that describe them ({@code file}).
 *
 * <p>Not exported. May import {@code checkpoint}.
 */
package dev.panaformer.tokenizer;
