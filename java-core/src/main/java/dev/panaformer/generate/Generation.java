package dev.panaformer.generate;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.ForkJoinPool;

/**
 * A text that is being generated. The generation runs independently of its readers, and reading
 * waits for output that is not available yet. Any number of readers may follow it, and each reads
 * it from the beginning. {@link #iterator} returns pieces of text, {@link #tokens} returns tokens,
 * {@link #result} and {@link #future} return the complete result, and {@link #publisher} publishes
 * pieces of text at the pace of the subscriber. No reader delays the model or another generation.
 *
 * <p>{@link #cancel} and {@link #close} end the generation within one token. The output generated
 * until then stays readable. If a thread is interrupted while it waits, the generation is
 * cancelled, the thread stays interrupted, and a {@link CancellationException} is thrown.
 *
 * <p>Thread-safe.
 */
public interface Generation extends Iterable<String>, AutoCloseable {

  /**
   * Ends the generation with {@link FinishReason#CANCELLED}, unless it has already ended. Never
   * waits.
   */
  void cancel();

  /** Calls {@link #cancel}. */
  @Override
  void close();

  /** Whether the generation has ended. */
  boolean isDone();

  /**
   * Waits for the end and returns the result.
   *
   * @throws RuntimeException if the generation failed, for example with {@link
   *     NonFiniteLogitsException} or {@link CacheExhaustedException}
   * @throws CancellationException if the thread is interrupted
   */
  GenerationResult result();

  /**
   * A future that completes with the result. Dependent stages run in {@link
   * ForkJoinPool#commonPool}, never on the model's thread. Cancelling the future cancels the
   * generation.
   */
  CompletableFuture<GenerationResult> future();

  /**
   * The generated tokens, one by one. Text that is held back until the end is not part of any
   * token.
   */
  Iterable<GeneratedToken> tokens();

  /**
   * Publishes the text piece by piece. Any number of subscribers is allowed, and each has its own
   * virtual thread. Pieces are buffered until a subscriber requests them, at most {@link
   * GenerationOptions#maxNewTokens}. A slow subscriber delays neither the model nor its cache.
   * Cancelling a subscription cancels the generation.
   */
  Flow.Publisher<String> publisher();
}
