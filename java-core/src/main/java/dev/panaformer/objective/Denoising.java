package dev.panaformer.objective;

/**
 * A corrupted text and what a model is to make of it. The arrays are not to be modified.
 *
 * @param source what the encoder reads
 * @param target what the decoder is to say, its end token included
 */
public record Denoising(int[] source, int[] target) {}
