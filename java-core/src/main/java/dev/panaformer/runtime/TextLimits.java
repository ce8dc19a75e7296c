package dev.panaformer.runtime;

/**
 * Limits of a model that reads texts.
 *
 * @param maxConcurrency the number of calls that run at the same time
 * @param maxBatchTokens the number of tokens that are computed together, unless one text alone has
 *     more
 * @param refusesLongTexts whether texts that are too long are refused instead of truncated
 */
public record TextLimits(int maxConcurrency, int maxBatchTokens, boolean refusesLongTexts) {}
