package dev.panaformer.generate;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.ForkJoinPool;

/**
 * A text that is being generated. The generation runs from the request on, whether or not anybody
 * reads it; reading waits for what is not there yet. Any number of readers may follow it, each from
 * the beginning: {@link #iterator} gives pieces of text, {@link #tokens} tokens, {@link #result}
 * and {@link #future} everything at the end, {@link #publisher} pieces of text at the pace of a
 * subscriber. No reader delays the model or another generation.
 *
 * <p>{@link #cancel} and {@link #close} end it within one token; what was generated until then
 * stays readable. A thread that is interrupted while it waits cancels the generation, stays
 * interrupted and gets a {@link CancellationException}.
 *
 * <p>Thread-safe.
 */
public interface Generation extends Iterable<String>, AutoCloseable {

  /** Ends the generation with {@link FinishReason#CANCELLED}, unless it has ended. Never waits. */
  void cancel();

  /** {@link #cancel}. */
  @Override
  void close();

  /** Whether the generation has ended. */
  boolean isDone();

  /**
   * Waits for the end.
   *
   * @throws RuntimeException the exception that the generation failed with: {@link
   *     NonFiniteLogitsException}, {@link CacheExhaustedException}
   * @throws CancellationException if the thread is interrupted
   */
  GenerationResult result();

  /**
   * The result once it is there. Dependent stages run in {@link ForkJoinPool#commonPool}, never on
   * the model's thread. Cancelling the future cancels the generation.
   */
  CompletableFuture<GenerationResult> future();

  /** The tokens, one by one. Text that is held back until the end belongs to none of them. */
  Iterable<GeneratedToken> tokens();

  /**
   * The text piece by piece, for any number of subscribers, each on a virtual thread of its own.
   * Pieces wait here until a subscriber requests them, at most {@link
   * GenerationOptions#maxNewTokens}; a slow subscriber delays neither the model nor its cache.
   * Cancelling a subscription cancels the generation.
   */
  Flow.Publisher<String> publisher();
}
