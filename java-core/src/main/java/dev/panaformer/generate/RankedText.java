package dev.panaformer.generate;

/**
 * One of the texts that a beam search found. The array is not to be modified.
 *
 * @param text empty if the model has no tokenizer
 * @param ids the generated tokens, an end token included
 * @param score the log-probability of all tokens, divided by their number to the length penalty
 */
public record RankedText(String text, int[] ids, float score) {}
