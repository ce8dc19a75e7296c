/**
 * Decoders and encoder-decoders, assembled by {@link dev.panaformer.model.decoder.Transformer}:
 * GPT-2, Llama, T5, BART and related families.
 *
 * <p>Not exported. It may import {@code dev.panaformer.model} and everything that {@code
 * dev.panaformer.model} may import.
 */
package dev.panaformer.model.decoder;
