/**
 * Patterns that normalizers, pre-tokenizers and decoders search for. The patterns of published
 * models are scanners, which take time linear in the text; others are regular expressions with a
 * limit on steps.
 *
 * <p>Not exported. May import {@code checkpoint} and {@code tokenizer.text}.
 */
package dev.panaformer.tokenizer.pattern;
