package dev.panaformer.kernel.linear;

import java.util.Optional;

/**
 * The weights of a feed-forward network with one hidden layer, gated (Shazeer 2020) or not.
 *
 * @param gate {@code [intermediate, hidden]}
 * @param up {@code [intermediate, hidden]}
 * @param down {@code [hidden, intermediate]}
 * @param activation of the gate if there is one, else of {@code up}
 */
public record FeedForwardWeights(
    Optional<LinearWeights> gate, LinearWeights up, LinearWeights down, Activation activation) {
  public static FeedForwardWeights plain(
      LinearWeights up, LinearWeights down, Activation activation) {
    return new FeedForwardWeights(Optional.empty(), up, down, activation);
  }

  public static FeedForwardWeights gated(
      LinearWeights gate, LinearWeights up, LinearWeights down, Activation activation) {
    return new FeedForwardWeights(Optional.of(gate), up, down, activation);
  }
}
