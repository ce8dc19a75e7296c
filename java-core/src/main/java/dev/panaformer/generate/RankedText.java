package dev.panaformer.generate;

/**
 * One of the texts that a beam search found. The array must not be modified.
 *
 * @param text the text; empty if the model has no tokenizer
 * @param ids the generated tokens, including an end token
 * @param score the sum of the tokens' log-probabilities, divided by their number to the power of
 *     the length penalty
 */
public record RankedText(String text, int[] ids, float score) {}
