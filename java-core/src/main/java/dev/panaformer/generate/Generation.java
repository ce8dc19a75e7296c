package dev.panaformer.generate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/**
 * A text being generated. It runs by itself from the request on, whether or not anybody reads;
 * reading waits for what is not there yet. Any number of readers may follow it, each from its
 * beginning: pieces of text by {@link #iterator}, tokens by {@link #tokens}, all at the end by
 * {@link #result} or {@link #future}, at a subscriber's pace by {@link #publisher}. None of them
 * holds up the model, or another generation.
 *
 * <p>{@link #cancel} and {@link #close} end it within one token; what there is until then stays
 * readable. A thread that is interrupted while it waits cancels the generation, stays interrupted
 * and gets a {@link CancellationException}.
 *
 * <p>Thread-safe.
 */
public final class Generation implements Iterable<String>, AutoCloseable {
  private final GenerationOptions options;
  private final int promptTokens;
  private final long seed;
  private final long requested = System.nanoTime();
  private final Detokenizer detokenizer;
  private final StopStrings stops;
  private final CompletableFuture<GenerationResult> end = new CompletableFuture<>();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition progress = lock.newCondition();
  private final List<GeneratedToken> tokens = new ArrayList<>();
  private final List<String> pieces = new ArrayList<>();
  private List<RankedText> ranking = List.of();
  private long firstToken;
  private boolean ended;
  private RuntimeException failure;
  private volatile boolean cancelled;

  /**
   * @param prompt with what the text begins
   * @param promptTokens {@link GenerationResult#promptTokens}
   * @param decode what reads the tokens; null for no text
   */
  Generation(
      int[] prompt,
      int promptTokens,
      GenerationOptions options,
      long seed,
      Function<int[], String> decode) {
    this.options = options;
    this.promptTokens = promptTokens;
    this.seed = seed;
    this.detokenizer = decode == null ? null : new Detokenizer(decode, prompt);
    this.stops = new StopStrings(options.stopStrings());
  }

  /** Ends the generation with {@link FinishReason#CANCELLED}, unless it has ended. Never waits. */
  public void cancel() {
    cancelled = true;
  }

  /** {@link #cancel}. */
  @Override
  public void close() {
    cancel();
  }

  /** Whether everything is there. */
  public boolean isDone() {
    return end.isDone();
  }

  /**
   * Waits for the end.
   *
   * @throws RuntimeException whatever the generation failed with: {@link NonFiniteLogitsException},
   *     {@link dev.panaformer.kernel.CacheExhaustedException}
   * @throws CancellationException if the thread is interrupted
   */
  public GenerationResult result() {
    lock.lock();
    try {
      while (!ended) {
        await();
      }
      if (failure != null) {
        throw failure;
      }
    } finally {
      lock.unlock();
    }
    return end.join();
  }

  /**
   * The result once it is there. What depends on it runs in {@link ForkJoinPool#commonPool}, never
   * on the model's thread. Cancelling the future cancels the generation.
   */
  public CompletableFuture<GenerationResult> future() {
    CompletableFuture<GenerationResult> future = new CompletableFuture<>();
    end.whenCompleteAsync((result, failed) -> {
      if (failed == null) {
        future.complete(result);
      } else {
        future.completeExceptionally(
            failed instanceof CompletionException e && e.getCause() != null
                ? e.getCause()
                : failed);
      }
    });
    future.whenComplete((result, failed) -> {
      if (future.isCancelled()) {
        cancel();
      }
    });
    return future;
  }

  /**
   * The text piece by piece, none of them empty. Ends early and without complaint when the
   * generation is cancelled or its time is over; throws what it failed with.
   */
  @Override
  public Iterator<String> iterator() {
    return new Reader<>(pieces);
  }

  /** The tokens, one by one. Text held back until the end belongs to none of them. */
  public Iterable<GeneratedToken> tokens() {
    return () -> new Reader<>(tokens);
  }

  /**
   * The text piece by piece, for any number of subscribers, each on a virtual thread of its own.
   * Pieces wait here until a subscriber requests them, at most {@link
   * GenerationOptions#maxNewTokens}; a slow subscriber keeps neither the model nor its cache
   * waiting. Cancelling a subscription cancels the generation.
   */
  public Flow.Publisher<String> publisher() {
    return subscriber -> new PieceSubscription(this, subscriber).start();
  }

  boolean isCancelled() {
    return cancelled;
  }

  boolean isOverdue() {
    return options.timeLimit().isPresent()
        && System.nanoTime() - requested >= options.timeLimit().get().toNanos();
  }

  GenerationOptions options() {
    return options;
  }

  long seed() {
    return seed;
  }

  /**
   * Adds a token.
   *
   * @param stopsText whether it is a stop id, which is no part of the text
   * @return whether the text has come to a stop string
   */
  boolean add(int id, float logProbability, boolean stopsText) {
    String read = detokenizer == null || stopsText ? "" : detokenizer.append(id);
    String text = stops.append(read);
    lock.lock();
    try {
      if (tokens.isEmpty()) {
        firstToken = System.nanoTime();
      }
      tokens.add(new GeneratedToken(id, logProbability, text));
      show(text);
    } finally {
      lock.unlock();
    }
    return stops.found();
  }

  /** What a beam search found, before it finishes. */
  void rank(List<RankedText> texts) {
    ranking = List.copyOf(texts);
  }

  void finish(FinishReason reason) {
    String rest = "";
    if (detokenizer != null && !stops.found()) {
      rest = stops.append(detokenizer.rest());
      rest += stops.rest();
    }
    GenerationResult result;
    lock.lock();
    try {
      show(rest);
      result =
          new GenerationResult(
              String.join("", pieces),
              tokens.stream().mapToInt(GeneratedToken::id).toArray(),
              logProbabilities(),
              ranking,
              stops.found() ? FinishReason.STOP_STRING : reason,
              promptTokens,
              seed,
              Duration.ofNanos((tokens.isEmpty() ? System.nanoTime() : firstToken) - requested),
              Duration.ofNanos(System.nanoTime() - requested));
      ended = true;
      // Before anybody hears of the end: result() reads it.
      end.complete(result);
      progress.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void fail(RuntimeException cause) {
    lock.lock();
    try {
      failure = cause;
      ended = true;
      end.completeExceptionally(cause);
      progress.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private float[] logProbabilities() {
    float[] values = new float[options.logProbabilities() ? tokens.size() : 0];
    for (int i = 0; i < values.length; i++) {
      values[i] = tokens.get(i).logProbability();
    }
    return values;
  }

  private void show(String text) {
    if (!text.isEmpty()) {
      pieces.add(text);
    }
    progress.signalAll();
  }

  private void await() {
    try {
      progress.await();
    } catch (InterruptedException e) {
      cancel();
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while waiting for a generation");
    }
  }

  /** Reads a list that grows until the end. */
  private final class Reader<T> implements Iterator<T> {
    private final List<T> list;
    private int next;

    Reader(List<T> list) {
      this.list = list;
    }

    @Override
    public boolean hasNext() {
      lock.lock();
      try {
        while (next == list.size() && !ended) {
          await();
        }
        if (next == list.size() && failure != null) {
          throw failure;
        }
        return next < list.size();
      } finally {
        lock.unlock();
      }
    }

    @Override
    public T next() {
      if (!hasNext()) {
        throw new NoSuchElementException("the generation has ended");
      }
      lock.lock();
      try {
        return list.get(next++);
      } finally {
        lock.unlock();
      }
    }
  }
}
