package dev.panaformer.runtime;

/**
 * Limits of a model that generates texts.
 *
 * @param cacheTokens the capacity of the key-value cache in tokens; 0 for the default
 * @param blockTokens the number of tokens in a block of the cache
 * @param maxSequences the maximum number of sequences in one step
 * @param stepTokens the maximum number of tokens evaluated in one step
 */
public record GenerationLimits(
    int cacheTokens, int blockTokens, int maxSequences, int stepTokens) {}
