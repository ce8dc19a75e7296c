package dev.panaformer.generate;

/** What happens to a generation for which the key-value cache has no room. */
public enum CacheShortage {
  /** The generation waits, in order of arrival, until other generations end. */
  WAIT,
  /** The generation fails with a {@link CacheExhaustedException}. */
  FAIL
}
