package dev.panaformer.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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
    Workspace leased = pool.lease();
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      CountDownLatch started = new CountDownLatch(2);
      Future<?> waiting =
          executor.submit(() -> {
            started.countDown();
            assertRefused(pool);
          });
      Future<?> closing =
          executor.submit(() -> {
            started.countDown();
            pool.close();
          });
      started.await();
      assertThrows(TimeoutException.class, () -> closing.get(50, TimeUnit.MILLISECONDS));
      assertFalse(waiting.isDone());
      leased.close();
      closing.get();
      waiting.get();
    }
    assertRefused(pool);
    pool.close();
  }

  private static void assertRefused(WorkspacePool pool) {
    assertEquals(
        "the model is closed", assertThrows(IllegalStateException.class, pool::lease).getMessage());
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
