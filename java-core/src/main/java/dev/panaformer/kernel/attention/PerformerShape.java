package dev.panaformer.kernel.attention;

/**
 * The parameters of a Performer attention layer (Choromanski et al. 2021).
 *
 * @param features the random features; all heads share them
 * @param heads the number of heads
 * @param causal whether a query attends only to the keys up to its own position
 */
public record PerformerShape(RandomFeatures features, long heads, boolean causal) {}
