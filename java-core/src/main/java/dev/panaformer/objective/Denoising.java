package dev.panaformer.objective;

/**
 * A corrupted text and the target that a model learns to generate from it. The arrays must not be
 * modified.
 *
 * @param source the input of the encoder
 * @param target the expected output of the decoder, including its end token
 */
public record Denoising(int[] source, int[] target) {}
