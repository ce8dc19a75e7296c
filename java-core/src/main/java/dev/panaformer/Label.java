package dev.panaformer;

/**
 * A label of a classifier and its score.
 *
 * @param score a probability; for regression the value itself
 */
public record Label(String label, float score) {}
