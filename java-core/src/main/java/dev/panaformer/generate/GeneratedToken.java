package dev.panaformer.generate;

/**
 * A generated token.
 *
 * @param id the id of the token
 * @param logProbability the natural logarithm of the probability that the model gave to the token,
 *     before penalties and temperature; NaN unless {@link GenerationOptions#logProbabilities}
 *     requests it
 * @param text the text that became available with this token. It is empty while a character is
 *     incomplete or a stop string may be beginning, and for stop ids.
 */
public record GeneratedToken(int id, float logProbability, String text) {}
