package dev.panaformer;

/**
 * A label of a classifier and its score.
 *
 * @param score a probability; for regression, the predicted value
 */
public record Label(String label, float score) {}
