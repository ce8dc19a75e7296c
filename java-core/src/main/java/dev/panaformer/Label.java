package dev.panaformer;

/**
 * A label of a classifier and how far the model believes in it.
 *
 * @param score a probability; for regression the value itself
 */
public record Label(String label, float score) {}
