package dev.panaformer.runtime;

/**
 * Limits of a model that generates texts.
 *
 * @param cacheTokens the number of tokens that the key-value cache holds; 0 for the default
 * @param blockTokens the number of tokens in a block of the cache
 * @param maxSequences the number of sequences that a step continues at most
 * @param stepTokens the number of tokens that a step computes at most
 */
public record GenerationLimits(
    int cacheTokens, int blockTokens, int maxSequences, int stepTokens) {}
