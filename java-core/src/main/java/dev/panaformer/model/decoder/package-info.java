/**
 * Decoders and encoder-decoders, assembled by {@link dev.panaformer.model.decoder.Transformer}:
 * GPT-2, Llama and kin, T5, BART and kin.
 *
 * <p>Not exported. May import what {@code dev.panaformer.model} may, and that package.
 */
package dev.panaformer.model.decoder;
