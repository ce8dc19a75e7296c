package dev.panaformer.generate;

import java.util.concurrent.CompletableFuture;

/**
 * The beginning that many texts have in common, a system prompt say, read once and kept in the
 * key-value cache. Texts that go on from it share its blocks until they write into them; what they
 * become is what they would be without it, to the last bit.
 *
 * <p>Thread-safe. Texts under way keep its blocks when it is closed.
 */
public final class Prefix implements AutoCloseable {
  private final int[] ids;
  private final Scheduler scheduler;
  private final CompletableFuture<Void> computed = new CompletableFuture<>();
  private volatile boolean closed;

  // The scheduler's thread's own.
  private Decoder.Sequence sequence;
  private int users = 1;

  Prefix(int[] ids, Scheduler scheduler) {
    this.ids = ids;
    this.scheduler = scheduler;
  }

  /** How many tokens it has. */
  public int length() {
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

  /** The same tokens, but no more than {@code most}. */
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

  /** Returns whether nobody uses it any longer, and if so gives its blocks back. */
  boolean leave() {
    if (--users > 0) {
      return false;
    }
    sequence.close();
    return true;
  }

  /** Whether nobody but its owner uses it. */
  boolean isIdle() {
    return users == 1;
  }

  boolean isClosed() {
    return closed;
  }

  /** Gives the blocks back when no text uses them any longer. Closing again does nothing. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    scheduler.leave(this);
  }
}
