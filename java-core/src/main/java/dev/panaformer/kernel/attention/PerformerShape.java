package dev.panaformer.kernel.attention;

/**
 * What a layer of Performer's attention is made of.
 *
 * @param features the same for every head
 * @param causal whether a query sees the keys up to its own only
 */
public record PerformerShape(RandomFeatures features, long heads, boolean causal) {}
