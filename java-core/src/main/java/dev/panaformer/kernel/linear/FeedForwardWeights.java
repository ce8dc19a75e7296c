package dev.panaformer.kernel.linear;

import java.util.Optional;

/**
 * The weights of a feed-forward network with one hidden layer.
 *
 * @param gate {@code [intermediate, hidden]}; empty if the network is not gated (Shazeer 2020)
 * @param up {@code [intermediate, hidden]}
 * @param down {@code [hidden, intermediate]}
 * @param activation applied to the output of the gate, or of {@code up} if there is no gate
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
