package dev.panaformer.threads;

import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;

/**
 * Closes what nobody closed. When an object with resources becomes unreachable, its resources are
 * freed and a warning is logged, because until then they take memory that the heap does not show.
 */
public final class Unclosed {
  private static final Cleaner CLEANER =
      Cleaner.create(
          Thread.ofPlatform()
              .daemon()
              .inheritInheritableThreadLocals(false)
              .name("panaformer-cleaner")
              .factory());

  private Unclosed() {}

  /** The resources of an object. They must not refer to the object. */
  public interface Held {
    /** Whether the object was closed, so that nothing is left to do. */
    boolean isClosed();

    /** The object in messages: its class and what it was made of. */
    String owner();

    /** Frees the resources. */
    void close();
  }

  /**
   * Closes resources when their owner has become unreachable. Code that uses the resources must
   * keep the owner reachable with {@link java.lang.ref.Reference#reachabilityFence}.
   *
   * @return what ends the watch; to be called when the owner is closed
   */
  public static Cleaner.Cleanable watch(Object owner, Held resources) {
    return CLEANER.register(
        owner,
        () -> {
          if (!resources.isClosed()) {
            close(resources);
          }
        });
  }

  private static void close(Held resources) {
    System.Logger logger = System.getLogger(Unclosed.class.getName());
    logger.log(
        Level.WARNING,
        "{0} was never closed: close() was not called before it became unreachable. Its memory is"
            + " freed now.",
        resources.owner());
    try {
      resources.close();
    } catch (RuntimeException | Error e) {
      logger.log(Level.ERROR, resources.owner() + " could not be closed", e);
    }
  }
}
