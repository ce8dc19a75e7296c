package dev.panaformer.threads;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Platform threads that compute for virtual threads. A virtual thread that computes occupies its
 * carrier, and one in native code cannot be unmounted. A few such threads would occupy all carriers
 * and stop every other virtual thread of the application. A virtual thread therefore hands its work
 * to a platform thread and is parked, without pinning its carrier, until the work is done.
 *
 * <p>Work runs on the caller's own thread if that is a platform thread. This includes work that is
 * called by other work, which therefore cannot wait for a free thread.
 *
 * <p>Threads start when work arrives, up to a maximum, and end after a few seconds without work.
 * Work starts in the order of arrival. An exception reaches the caller as the same instance; its
 * stack trace ends with the frames of the caller. If the caller is interrupted, the thread that
 * works for it is interrupted; the caller still waits for the end of the work and stays
 * interrupted.
 *
 * <p>Thread-safe.
 */
public final class ComputeThreads implements AutoCloseable {
  private static final long IDLE_SECONDS = 5;

  private static final ComputeThreads SHARED =
      new ComputeThreads("panaformer-prepare", Runtime.getRuntime().availableProcessors());

  private final ThreadPoolExecutor executor;

  /**
   * @param name the beginning of the names of the threads
   * @param most the maximum number of threads
   */
  public ComputeThreads(String name, int most) {
    executor =
        new ThreadPoolExecutor(
            most,
            most,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            factory(name + "-"));
    executor.allowCoreThreadTimeOut(true);
  }

  /**
   * The threads for work that needs no model, or only its tokenizer: as many as there are
   * processors, shared by the whole process and never closed.
   */
  public static ComputeThreads shared() {
    return SHARED;
  }

  // Thread locals of the caller are not inherited, because the threads outlive the call.
  private static ThreadFactory factory(String prefix) {
    return Thread.ofPlatform()
        .daemon()
        .inheritInheritableThreadLocals(false)
        .name(prefix, 1)
        .factory();
  }

  /** Something to compute. */
  @FunctionalInterface
  public interface Work<R, X extends Exception> {
    R run() throws X;
  }

  /**
   * Whether the current thread must hand its work over. Callers on the hot path ask this first, so
   * that platform threads do not create a {@link Work}.
   */
  public static boolean needed() {
    return Thread.currentThread().isVirtual();
  }

  /**
   * Computes something, on one of these threads if the caller is virtual.
   *
   * @throws java.util.concurrent.RejectedExecutionException if these threads are closed
   */
  public <R, X extends Exception> R run(Work<R, X> work) throws X {
    if (!needed()) {
      return work.run();
    }
    Task<R> task = new Task<>(work);
    executor.execute(task);
    return task.await();
  }

  /**
   * Runs long work, such as loading a model, on a platform thread of its own if the caller is
   * virtual.
   *
   * @param name the name of the thread
   */
  public static <R, X extends Exception> R runAlone(String name, Work<R, X> work) throws X {
    if (!needed()) {
      return work.run();
    }
    Task<R> task = new Task<>(work);
    factory(name + "-").newThread(task).start();
    return task.await();
  }

  /**
   * Refuses further work, and returns when all work that was accepted is done and the threads have
   * ended. Must not be called by one of these threads.
   */
  @Override
  public void close() {
    // Not executor.close(): if it is interrupted, it drops work for which callers wait.
    executor.shutdown();
    boolean interrupted = false;
    while (!executor.isTerminated()) {
      try {
        executor.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Work of a virtual thread, which waits until a platform thread has done it. */
  private static final class Task<R> implements Runnable {
    private final Work<R, ?> work;
    private final Thread caller = Thread.currentThread();

    private final ReentrantLock lock = new ReentrantLock();
    // Guarded by lock.
    private Thread worker;
    private boolean interrupted;

    private R result;
    private Throwable failure;
    private volatile boolean done;

    Task(Work<R, ?> work) {
      this.work = work;
    }

    @Override
    public void run() {
      begin();
      try {
        result = work.run();
      } catch (Throwable e) {
        failure = e;
      }
      end();
      done = true;
      LockSupport.unpark(caller);
    }

    private void begin() {
      lock.lock();
      try {
        worker = Thread.currentThread();
        if (interrupted) {
          worker.interrupt();
        }
      } finally {
        lock.unlock();
      }
    }

    /** After this, an interrupt of the caller cannot reach the next work of the same thread. */
    private void end() {
      lock.lock();
      try {
        worker = null;
        Thread.interrupted();
      } finally {
        lock.unlock();
      }
    }

    private void interrupt() {
      lock.lock();
      try {
        interrupted = true;
        if (worker != null) {
          worker.interrupt();
        }
      } finally {
        lock.unlock();
      }
    }

    R await() {
      boolean wasInterrupted = false;
      while (!done) {
        LockSupport.park(this);
        if (Thread.interrupted()) {
          wasInterrupted = true;
          interrupt();
        }
      }
      if (wasInterrupted) {
        caller.interrupt();
      }
      if (failure != null) {
        appendCaller(failure);
        throw Task.<RuntimeException>rethrow(failure);
      }
      return result;
    }

    private static void appendCaller(Throwable failure) {
      StackTraceElement[] worker = failure.getStackTrace();
      StackTraceElement[] caller = new Throwable().getStackTrace();
      StackTraceElement[] both = new StackTraceElement[worker.length + caller.length];
      System.arraycopy(worker, 0, both, 0, worker.length);
      System.arraycopy(caller, 0, both, worker.length, caller.length);
      failure.setStackTrace(both);
    }

    /** The signature of {@link Work#run} tells the compiler which exceptions are possible. */
    @SuppressWarnings("unchecked")
    private static <X extends Throwable> X rethrow(Throwable failure) throws X {
      throw (X) failure;
    }
  }
}
