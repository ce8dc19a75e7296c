package dev.panaformer.generate.schedule;

import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.GeneratedToken;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import dev.panaformer.generate.RankedText;
import dev.panaformer.generate.text.Detokenizer;
import dev.panaformer.generate.text.StopStrings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/** The scheduler's side of a generation. */
final class RunningGeneration implements Generation {
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

  /** Kept reachable until the end, and never read. */
  private Object owner;

  /**
   * @param prompt the input that the text continues
   * @param promptTokens {@link GenerationResult#promptTokens}
   * @param decode decodes ids to text; null to produce no text
   * @param owner what this generation keeps reachable until it ends: the model
   */
  RunningGeneration(
      int[] prompt,
      int promptTokens,
      GenerationOptions options,
      long seed,
      Function<int[], String> decode,
      Object owner) {
    this.options = options;
    this.promptTokens = promptTokens;
    this.seed = seed;
    this.detokenizer = decode == null ? null : new Detokenizer(decode, tokens(prompt));
    this.stops = new StopStrings(options.stopStrings());
    this.owner = owner;
  }

  /** The prompt without rows of embeddings, which have no text. */
  private static int[] tokens(int[] prompt) {
    return Arrays.stream(prompt).filter(id -> id >= 0).toArray();
  }

  @Override
  public void cancel() {
    cancelled = true;
  }

  @Override
  public void close() {
    cancel();
  }

  @Override
  public boolean isDone() {
    return end.isDone();
  }

  @Override
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

  @Override
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

  @Override
  public Iterator<String> iterator() {
    return new Reader<>(pieces);
  }

  @Override
  public Iterable<GeneratedToken> tokens() {
    return () -> new Reader<>(tokens);
  }

  @Override
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
   * @param stopsText whether it is a stop id, which is not part of the text
   * @return whether the text now contains a stop string
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

  /** Sets the texts that a beam search found. Called before the generation finishes. */
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
          new FinishedGeneration(
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
      owner = null;
      // Must come before readers are notified of the end, because result() reads it.
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
      owner = null;
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

  /** Iterates over a list that grows until the end of the generation. */
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
