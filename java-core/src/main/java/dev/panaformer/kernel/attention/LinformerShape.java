package dev.panaformer.kernel.attention;

/**
 * What a layer of Linformer's attention is made of.
 *
 * @param projections of keys and values, the same for every head
 * @param scale applied to the products of queries and keys, usually {@code 1/√headDim}
 */
public record LinformerShape(
    SequenceProjections projections, long heads, long headDim, float scale) {}
