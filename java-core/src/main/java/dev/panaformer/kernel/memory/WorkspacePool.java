package dev.panaformer.kernel.memory;

import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The workspaces of one model: at most {@code capacity} passes run at once, more wait. A lease is
 * also what keeps the model's memory alive: {@link #close} refuses new leases and returns when the
 * last one has ended.
 *
 * <p>Thread-safe for platform and virtual threads; waiting does not pin a carrier. Passes that need
 * not wait share no lock. Once {@code capacity} workspaces exist, a lease allocates nothing.
 */
public final class WorkspacePool implements AutoCloseable {
  private final String owner;
  private final int capacity;
  private final TensorMemory tensors;
  private final Semaphore permits;
  private final AtomicReferenceArray<Workspace> free;
  private final ReentrantLock exclusive = new ReentrantLock();
  private final AtomicBoolean closed = new AtomicBoolean();

  /** Of workspaces in host memory. */
  public WorkspacePool(String owner, int capacity) {
    this(owner, capacity, TensorMemory.HOST);
  }

  /**
   * @param owner whose workspaces these are, for messages
   * @param capacity how many leases there may be at once
   * @param tensors the memory of the kernels, which outlive the pool
   */
  public WorkspacePool(String owner, int capacity, TensorMemory tensors) {
    if (capacity < 1) {
      throw new IllegalArgumentException("capacity must be at least 1, not " + capacity);
    }
    this.owner = owner;
    this.capacity = capacity;
    this.tensors = tensors;
    this.permits = new Semaphore(capacity);
    this.free = new AtomicReferenceArray<>(capacity);
  }

  /**
   * Waits for a workspace, whose {@link Workspace#close} gives it back. Interrupts are kept for the
   * caller to see.
   *
   * @throws IllegalStateException if the pool is closed
   */
  public Workspace lease() {
    requireOpen();
    permits.acquireUninterruptibly();
    try {
      requireOpen();
      for (int i = 0; i < capacity; i++) {
        Workspace workspace = free.get(i);
        if (workspace != null && free.compareAndSet(i, workspace, null)) {
          return workspace;
        }
      }
      return new Workspace(this, tensors);
    } catch (Throwable e) {
      permits.release();
      throw e;
    }
  }

  /**
   * Runs something while there is no lease: later ones wait. Must not be called by a thread that
   * holds one.
   *
   * @throws IllegalStateException if the pool is closed
   */
  public void exclusively(Runnable action) {
    requireOpen();
    // One permit after the other, so that new leases cannot keep all from ever being free.
    int held = 0;
    exclusive.lock();
    try {
      for (; held < capacity; held++) {
        permits.acquireUninterruptibly();
      }
      requireOpen();
      action.run();
    } finally {
      permits.release(held);
      exclusive.unlock();
    }
  }

  void release(Workspace workspace) {
    try {
      for (int i = 0; i < capacity; i++) {
        if (free.compareAndSet(i, null, workspace)) {
          return;
        }
      }
      // A lease that looked past a slot just before it was filled has made one workspace too many.
      workspace.free();
    } finally {
      permits.release();
    }
  }

  /**
   * Refuses new leases, waits for those that exist and frees all workspaces. Must not be called by
   * a thread that holds a lease. Closing again does nothing.
   */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    // Not while something runs that counts on there being no lease, and no part of its permits.
    exclusive.lock();
    permits.acquireUninterruptibly(capacity);
    exclusive.unlock();
    for (int i = 0; i < capacity; i++) {
      Workspace workspace = free.getAndSet(i, null);
      if (workspace != null) {
        workspace.free();
      }
    }
    permits.release(capacity); // those that still wait wake up and are refused
  }

  private void requireOpen() {
    if (closed.get()) {
      throw new IllegalStateException(owner + " is closed");
    }
  }
}
