package dev.panaformer.generate.schedule;

import dev.panaformer.generate.Generation;
import java.util.Iterator;
import java.util.concurrent.Flow;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Delivers the pieces of a generation to a subscriber as it requests them, on a virtual thread. */
final class PieceSubscription implements Flow.Subscription {
  private final Generation generation;
  private final Flow.Subscriber<? super String> subscriber;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private long demand;
  private boolean cancelled;
  private IllegalArgumentException misuse;

  PieceSubscription(Generation generation, Flow.Subscriber<? super String> subscriber) {
    this.generation = generation;
    this.subscriber = subscriber;
  }

  void start() {
    subscriber.onSubscribe(this);
    Thread.ofVirtual().name("panaformer-publisher").start(this::run);
  }

  @Override
  public void request(long n) {
    lock.lock();
    try {
      if (n <= 0) {
        misuse = new IllegalArgumentException("a request for " + n + " pieces, at least 1");
      } else {
        demand = demand + n < 0 ? Long.MAX_VALUE : demand + n;
      }
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void cancel() {
    lock.lock();
    try {
      cancelled = true;
      changed.signal();
    } finally {
      lock.unlock();
    }
    generation.cancel();
  }

  private void run() {
    try {
      Iterator<String> pieces = generation.iterator();
      // Completion needs no demand, so the end is checked before waiting for demand.
      while (pieces.hasNext()) {
        if (!requested()) {
          return;
        }
        subscriber.onNext(pieces.next());
      }
    } catch (Throwable e) {
      generation.cancel();
      if (!isCancelled()) {
        subscriber.onError(e);
      }
      return;
    }
    if (!isCancelled()) {
      subscriber.onComplete();
    }
  }

  /**
   * Waits for demand and consumes one unit of it. Returns false if the subscription is cancelled.
   */
  private boolean requested() {
    lock.lock();
    try {
      while (demand == 0 && !cancelled && misuse == null) {
        changed.awaitUninterruptibly();
      }
      if (cancelled) {
        return false;
      }
      if (misuse != null) {
        throw misuse;
      }
      if (demand != Long.MAX_VALUE) {
        demand--;
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  private boolean isCancelled() {
    lock.lock();
    try {
      return cancelled;
    } finally {
      lock.unlock();
    }
  }
}
