package dev.panaformer.kernel.memory;

import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The workspaces of one model. At most {@code capacity} passes run at once; further ones wait. A
 * lease also keeps the model's memory alive: {@link #close} refuses new leases and returns after
 * the last lease has ended.
 *
 * <p>Thread-safe for platform and virtual threads; waiting does not pin a carrier thread. Passes
 * that do not wait share no lock. Once {@code capacity} workspaces exist, a lease allocates
 * nothing.
 */
public final class WorkspacePool implements AutoCloseable {
  private final String owner;
  private final int capacity;
  private final TensorMemory tensors;
  private final Semaphore permits;
  private final AtomicReferenceArray<Workspace> free;
  private final ReentrantLock exclusive = new ReentrantLock();
  private final AtomicBoolean closed = new AtomicBoolean();

  /** Creates a pool of workspaces in host memory. */
  public WorkspacePool(String owner, int capacity) {
    this(owner, capacity, TensorMemory.HOST);
  }

  /**
   * Creates a pool.
   *
   * @param owner the name of the owner in messages
   * @param capacity the largest number of leases at once
   * @param tensors the memory of the kernels, which must outlive the pool
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
   * Leases a workspace, and waits if none is available. {@link Workspace#close} returns it to the
   * pool. An interrupt does not end the wait; the thread's interrupt status is kept.
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
   * Waits until no lease is held, then runs an action. New leases wait until it ends. A thread that
   * holds a lease must not call this method.
   *
   * @throws IllegalStateException if the pool is closed
   */
  public void exclusively(Runnable action) {
    requireOpen();
    // Permits are acquired one at a time, so that new leases cannot keep this thread waiting
    // forever.
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
      // All slots are full: a concurrent lease missed a slot that was just being filled and created
      // one workspace too many.
      workspace.free();
    } finally {
      permits.release();
    }
  }

  /**
   * Refuses new leases, waits until all present leases have ended and frees all workspaces. A
   * thread that holds a lease must not call this method. Closing again does nothing.
   */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    // The lock is taken first so that no exclusive action is running or is part-way through
    // acquiring permits.
    exclusive.lock();
    permits.acquireUninterruptibly(capacity);
    exclusive.unlock();
    for (int i = 0; i < capacity; i++) {
      Workspace workspace = free.getAndSet(i, null);
      if (workspace != null) {
        workspace.free();
      }
    }
    permits.release(capacity); // threads that still wait wake up and are refused
  }

  private void requireOpen() {
    if (closed.get()) {
      throw new IllegalStateException(owner + " is closed");
    }
  }
}
