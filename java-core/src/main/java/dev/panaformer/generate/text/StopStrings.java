package dev.panaformer.generate.text;

import java.util.List;

/**
 * Ends a text before the first of some strings, and lets nothing pass that may yet turn out to be
 * the beginning of one. Not thread-safe.
 */
public final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  public StopStrings(List<String> stops) {
    this.stops = stops;
  }

  /** Takes the next piece of the text, returns what may be shown of it and of those before. */
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

  /** Whether a string was found. */
  public boolean found() {
    return found;
  }

  /** What was held back, at the end of a text that no string ended. */
  public String rest() {
    return found ? "" : held.toString();
  }

  /** Where the first of the strings begins, or -1. */
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

  /** The length of the longest end of what is held that begins one of the strings. */
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
