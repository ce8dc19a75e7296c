package dev.panaformer.generate.text;

import java.util.List;

/**
 * Ends a text before the first occurrence of a stop string. Holds back text that may be the
 * beginning of a stop string. Not thread-safe.
 */
public final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  public StopStrings(List<String> stops) {
    this.stops = stops;
  }

  /** Adds the next piece of the text and returns the text that can now be shown. */
  public String append(String piece) {
    if (stops.isEmpty() || found) {
      return found ? "" : piece;
    }
    held.append(piece);
    int stop = first(held, stops);
    found = stop >= 0;
    int end = found ? stop : held.length() - unsure();
    String shown = held.substring(0, end);
    held.delete(0, end);
    return shown;
  }

  /** Whether a stop string was found. */
  public boolean found() {
    return found;
  }

  /**
   * Returns the text that was held back. Called at the end of a text that contains no stop string.
   */
  public String rest() {
    return found ? "" : held.toString();
  }

  /** The index of the first stop string in the text, or -1. */
  public static int first(CharSequence text, List<String> stops) {
    String all = text.toString();
    int first = -1;
    for (String stop : stops) {
      int at = all.indexOf(stop);
      if (at >= 0 && (first < 0 || at < first)) {
        first = at;
      }
    }
    return first;
  }

  /** The length of the longest suffix of the held text that is a prefix of a stop string. */
  private int unsure() {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
        if (stop.startsWith(held.substring(held.length() - n))) {
          longest = n;
        }
      }
    }
    return longest;
  }
}
