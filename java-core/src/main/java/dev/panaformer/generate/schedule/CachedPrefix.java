package dev.panaformer.generate.schedule;

import dev.panaformer.threads.Unclosed;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/** A prefix and its sequence in the key-value cache. Its owner is a {@link PrefixHandle}. */
final class CachedPrefix implements Unclosed.Held {
  private final int[] ids;
  private final Scheduler scheduler;
  private final CompletableFuture<Void> computed = new CompletableFuture<>();
  private final AtomicBoolean closed = new AtomicBoolean();

  // Used by the scheduler's thread only.
  private Decoder.Sequence sequence;
  private int users = 1;

  CachedPrefix(int[] ids, Scheduler scheduler) {
    this.ids = ids;
    this.scheduler = scheduler;
  }

  int length() {
    return ids.length;
  }

  boolean belongsTo(Scheduler scheduler) {
    return this.scheduler == scheduler;
  }

  int[] ids() {
    return ids;
  }

  CompletableFuture<Void> computed() {
    return computed;
  }

  void keep(Decoder.Sequence sequence) {
    this.sequence = sequence;
    computed.complete(null);
  }

  /** Forks the sequence, truncated to at most {@code most} tokens. */
  Decoder.Sequence fork(int most) {
    Decoder.Sequence fork = sequence.fork();
    if (fork.length() > most) {
      fork.truncate(most);
    }
    return fork;
  }

  void use() {
    users++;
  }

  /**
   * Removes one user of the prefix. If it was the last one, releases the blocks and returns true.
   */
  boolean leave() {
    if (--users > 0) {
      return false;
    }
    sequence.close();
    return true;
  }

  /** Whether only the owner uses the prefix. */
  boolean isIdle() {
    return users == 1;
  }

  /** Whether the owner can no longer use the prefix, because it or its scheduler is closed. */
  @Override
  public boolean isClosed() {
    return closed.get() || scheduler.isClosed();
  }

  @Override
  public String owner() {
    return "A prefix of " + length() + " tokens of " + scheduler.name();
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      scheduler.leave(this);
    }
  }
}
