package dev.panaformer.tokenizer.normalize;

import dev.panaformer.tokenizer.text.Changes;
import java.text.Normalizer;
import java.text.Normalizer.Form;

/**
 * The decomposed code points of a segment, each with its change as {@link Changes} describes it, in
 * canonical order. The JDK does not tell combining classes. Whether two characters are reordered,
 * and whether they compose, is therefore asked of {@link Normalizer}.
 */
final class Decomposition {
  /** A character of the highest combining class, 240, which is the only one of it. */
  private static final int HIGHEST_CLASS = 0x345;

  private final int[] codePoints;
  private final int[] changes;
  private int count;

  private Decomposition(int capacity) {
    codePoints = new int[capacity];
    changes = new int[capacity];
  }

  static Decomposition of(String segment, Form form) {
    int[] originals = segment.codePoints().toArray();
    int[][] parts = new int[originals.length][];
    int total = 0;
    for (int i = 0; i < originals.length; i++) {
      parts[i] =
          Normalizer.normalize(Character.toString(originals[i]), form).codePoints().toArray();
      total += parts[i].length;
    }
    Decomposition result = new Decomposition(total);
    for (int[] part : parts) {
      for (int i = 0; i < part.length; i++) {
        result.codePoints[result.count] = part[i];
        result.changes[result.count++] = i == 0 ? 0 : 1;
      }
    }
    result.sort();
    return result;
  }

  /** Sorts each run of combining marks by combining class. Equal classes keep their order. */
  private void sort() {
    int start = 0;
    while (start < count) {
      if (isStarter(codePoints[start])) {
        start++;
        continue;
      }
      int end = start;
      while (end < count && !isStarter(codePoints[end])) {
        end++;
      }
      sortMarks(start, end);
      start = end;
    }
  }

  /** Marks of the same code point keep their order, so the sorted text says where each one goes. */
  private void sortMarks(int start, int end) {
    String marks = new String(codePoints, start, end - start);
    int[] sorted = Normalizer.normalize(marks, Form.NFD).codePoints().toArray();
    if (sorted.length != end - start) {
      return;
    }
    java.util.Map<Integer, java.util.ArrayDeque<Integer>> changesOf = new java.util.HashMap<>();
    for (int i = start; i < end; i++) {
      changesOf.computeIfAbsent(codePoints[i], c -> new java.util.ArrayDeque<>()).add(changes[i]);
    }
    for (int i = 0; i < sorted.length; i++) {
      codePoints[start + i] = sorted[i];
      changes[start + i] = changesOf.get(sorted[i]).poll();
    }
  }

  private static boolean isStarter(int c) {
    if (c < 0x300) {
      return true;
    }
    if (c == HIGHEST_CLASS) {
      return false;
    }
    // A mark of any class moves before one of the highest class.
    String pair = new StringBuilder().appendCodePoint(HIGHEST_CLASS).appendCodePoint(c).toString();
    return Normalizer.normalize(pair, Form.NFD).codePointAt(0) == HIGHEST_CLASS;
  }

  private static boolean sameClass(int a, int b) {
    if (a == b) {
      return true;
    }
    String ab = new StringBuilder().appendCodePoint(a).appendCodePoint(b).toString();
    String ba = new StringBuilder().appendCodePoint(b).appendCodePoint(a).toString();
    return Normalizer.isNormalized(ab, Form.NFD) && Normalizer.isNormalized(ba, Form.NFD);
  }

  /** The primary composite of two code points, or -1. */
  private static int composite(int a, int b) {
    String pair = new StringBuilder().appendCodePoint(a).appendCodePoint(b).toString();
    String composed = Normalizer.normalize(pair, Form.NFC);
    return composed.codePointCount(0, composed.length()) == 1 ? composed.codePointAt(0) : -1;
  }

  /**
   * Composes, as UAX 15 defines it: a mark composes with the last starter unless a mark of the same
   * class stands between them, and a starter only directly after it.
   */
  void compose() {
    int written = 0;
    int starter = -1;
    int lastMark = -1;
    for (int i = 0; i < count; i++) {
      int c = codePoints[i];
      boolean isStarter = isStarter(c);
      boolean blocked = lastMark >= 0 && (isStarter || sameClass(lastMark, c));
      if (starter >= 0 && !blocked) {
        int composite = composite(codePoints[starter], c);
        if (composite >= 0) {
          codePoints[starter] = composite;
          changes[starter] += changes[i] - 1;
          continue;
        }
      }
      codePoints[written] = c;
      changes[written] = changes[i];
      if (isStarter) {
        starter = written;
        lastMark = -1;
      } else if (starter >= 0) {
        lastMark = c;
      }
      written++;
    }
    count = written;
  }

  void emit(Changes to) {
    for (int i = 0; i < count; i++) {
      to.emit(codePoints[i], changes[i]);
    }
  }
}
