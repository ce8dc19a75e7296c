package dev.panaformer.generate.schedule;

import dev.panaformer.generate.Prefix;
import dev.panaformer.threads.Unclosed;
import java.lang.ref.Cleaner.Cleanable;
import java.lang.ref.Reference;

/**
 * A prefix as its owner sees it. If it becomes unreachable before it is closed, its blocks are
 * released. The scheduler refers to the {@link CachedPrefix} alone.
 */
final class PrefixHandle implements Prefix {
  private final CachedPrefix prefix;
  private final Cleanable unclosed;

  PrefixHandle(CachedPrefix prefix) {
    this.prefix = prefix;
    this.unclosed = Unclosed.watch(this, prefix);
  }

  CachedPrefix prefix() {
    return prefix;
  }

  @Override
  public int length() {
    return prefix.length();
  }

  @Override
  public void close() {
    prefix.close();
    unclosed.clean();
    Reference.reachabilityFence(this);
  }
}
