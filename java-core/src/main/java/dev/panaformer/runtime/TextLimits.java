package dev.panaformer.runtime;

/**
 * Limits of a model that reads texts.
 *
 * @param maxConcurrency the maximum number of concurrent calls
 * @param maxBatchTokens the maximum number of tokens in a batch; a single text may exceed it
 * @param refusesLongTexts whether texts that are too long are refused instead of truncated
 */
public record TextLimits(int maxConcurrency, int maxBatchTokens, boolean refusesLongTexts) {}
