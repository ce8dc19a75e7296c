package dev.panaformer.kernel.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WorkspacePoolTest {

  @Test
  void leasesWhatWasReturnedBeforeItMakesMore() {
    try (WorkspacePool pool = new WorkspacePool("model", 2)) {
      Workspace first = pool.lease();
      first.close();
      Workspace again = pool.lease();
      assertSame(first, again);
      Workspace second = pool.lease();
      assertNotSame(first, second);
      again.close();
      second.close();
    }
  }

  @Test
  void neverLeasesMoreThanItsCapacity() throws Exception {
    AtomicInteger leased = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    try (WorkspacePool pool = new WorkspacePool("model", 3);
        ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < 2000; i++) {
        futures.add(
            executor.submit(() -> {
              try (Workspace workspace = pool.lease()) {
                most.accumulateAndGet(leased.incrementAndGet(), Math::max);
                workspace.batch().clear();
                workspace.batch().add(1, 2, 3);
                Thread.yield();
                assertEquals(1, workspace.batch().tokens());
                leased.decrementAndGet();
              }
            }));
      }
      for (Future<?> future : futures) {
        future.get();
      }
    }
    assertTrue(most.get() <= 3, () -> most + " leases at once");
  }

  @Test
  void closingWaitsForLeasesAndRefusesThoseThatWait() throws Exception {
    WorkspacePool pool = new WorkspacePool("the model", 1);
    FutureTask<Void> waiting = new FutureTask<>(() -> assertRefused(pool), null);
    FutureTask<Void> closing = new FutureTask<>(pool::close, null);
    try (Workspace leased = pool.lease()) {
      // Started one after the other, so that the first task waits for the lease and does not find
      // the pool closed.
      for (FutureTask<Void> task : List.of(waiting, closing)) {
        Thread thread = Thread.ofVirtual().start(task);
        while (thread.getState() != Thread.State.WAITING) {
          Thread.sleep(1);
        }
      }
      assertFalse(waiting.isDone());
      assertFalse(closing.isDone());
    }
    closing.get();
    waiting.get();
    assertRefused(pool);
    pool.close();
  }

  private static void assertRefused(WorkspacePool pool) {
    assertEquals(
        "the model is closed", assertThrows(IllegalStateException.class, pool::lease).getMessage());
  }

  @Test
  void whatIsExclusiveWaitsForLeasesAndHoldsUpLaterOnes() throws Exception {
    try (WorkspacePool pool = new WorkspacePool("model", 3);
        ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      AtomicInteger leased = new AtomicInteger();
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < 2000; i++) {
        boolean exclusive = i % 100 == 0;
        futures.add(
            executor.submit(() -> {
              if (exclusive) {
                pool.exclusively(() -> {
                  assertEquals(0, leased.get());
                  Thread.yield();
                  assertEquals(0, leased.get());
                });
                return;
              }
              try (Workspace workspace = pool.lease()) {
                leased.incrementAndGet();
                Thread.yield();
                leased.decrementAndGet();
              }
            }));
      }
      for (Future<?> future : futures) {
        future.get();
      }
      assertThrows(
          IllegalArgumentException.class,
          () ->
              pool.exclusively(() -> {
                throw new IllegalArgumentException();
              }));
      pool.lease().close();
    }
  }

  @Test
  void aLeaseSurvivesAnInterrupt() {
    try (WorkspacePool pool = new WorkspacePool("model", 1)) {
      Thread.currentThread().interrupt();
      pool.lease().close();
      assertTrue(Thread.interrupted());
    }
  }

  @Test
  void capacityIsAtLeastOne() {
    assertThrows(IllegalArgumentException.class, () -> new WorkspacePool("model", 0));
  }
}
