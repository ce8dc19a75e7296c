package dev.panaformer.generate;

/**
 * A generated token.
 *
 * @param id its id
 * @param logProbability natural logarithm of the probability that the model itself gave it, before
 *     penalties and temperature; NaN unless {@link GenerationOptions#logProbabilities} asked for it
 * @param text what may be read of the generated text since the token before: empty while a
 *     character is incomplete or a stop string may be beginning, and for stop ids
 */
public record GeneratedToken(int id, float logProbability, String text) {}
