package dev.panaformer.kernel.attention;

/**
 * The parameters of a Linformer attention layer (Wang et al. 2020).
 *
 * @param projections the projections of keys and values; all heads share them
 * @param heads the number of heads
 * @param headDim the number of features of a head
 * @param scale the factor of the products of queries and keys, usually {@code 1/√headDim}
 */
public record LinformerShape(
    SequenceProjections projections, long heads, long headDim, float scale) {}
