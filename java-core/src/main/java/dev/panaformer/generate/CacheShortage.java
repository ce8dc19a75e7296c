package dev.panaformer.generate;

/** What becomes of a generation for which the key-value cache has no room at its turn. */
public enum CacheShortage {
  /** It waits, in order of arrival, for others to end. */
  WAIT,
  /** It fails with a {@link CacheExhaustedException}. */
  FAIL
}
