package dev.panaformer.generate;

/** What happens to a generation if the key-value cache has no room when its turn comes. */
public enum CacheShortage {
  /** It waits, in order of arrival, for others to end. */
  WAIT,
  /** It fails with a {@link CacheExhaustedException}. */
  FAIL
}
