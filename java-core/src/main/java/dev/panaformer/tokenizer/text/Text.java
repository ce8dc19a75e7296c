package dev.panaformer.tokenizer.text;

import java.util.Arrays;

/**
 * A text under normalization: UTF-16 chars and, if it is aligned, the range of the original text
 * that each char comes from. Both halves of a surrogate pair have the same range. The arrays grow
 * as needed and are used again. Not thread-safe.
 */
public final class Text implements CharSequence {
  private static final int FIRST_CAPACITY = 256;

  private char[] chars = new char[FIRST_CAPACITY];
  private int[] starts = {};
  private int[] ends = {};
  private int length;
  private boolean aligned;

  /** Empties the text. */
  public void clear(boolean aligned) {
    this.aligned = aligned;
    length = 0;
  }

  /** Whether the text knows where its chars come from. */
  public boolean isAligned() {
    return aligned;
  }

  /** The chars; only the first {@link #length} are part of the text. */
  public char[] array() {
    return chars;
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public char charAt(int index) {
    return chars[index];
  }

  /** The index in the original text of the first char that this char comes from. */
  public int start(int index) {
    return starts[index];
  }

  /** The index in the original text after the last char that this char comes from. */
  public int end(int index) {
    return ends[index];
  }

  /** Whether all chars are below U+0080. */
  public boolean isAscii() {
    int all = 0;
    for (int i = 0; i < length; i++) {
      all |= chars[i];
    }
    return all < 0x80;
  }

  /** The code point at an index, which must be the first of its chars. */
  public int codePointAt(int index) {
    return Character.codePointAt(chars, index, length);
  }

  /** Appends part of the original text. Lone surrogates become U+FFFD. */
  public void appendOriginal(String original, int from, int to) {
    reserve(to - from);
    original.getChars(from, to, chars, length);
    int shift = from - length;
    int end = length + to - from;
    for (int i = length; i < end; i++) {
      int width = 1;
      if (Character.isSurrogate(chars[i])) {
        if (i + 1 < end && Character.isSurrogatePair(chars[i], chars[i + 1])) {
          width = 2;
        } else {
          chars[i] = '\uFFFD';
        }
      }
      if (aligned) {
        align(i, width, shift + i, shift + i + width);
      }
      i += width - 1;
    }
    length = end;
  }

  private void align(int index, int width, int start, int end) {
    for (int i = index; i < index + width; i++) {
      starts[i] = start;
      ends[i] = end;
    }
  }

  /** Appends a char that comes from the same place as a char of another text. */
  public void append(char c, Text source, int index) {
    reserve(1);
    chars[length] = c;
    if (aligned) {
      starts[length] = source.starts[index];
      ends[length] = source.ends[index];
    }
    length++;
  }

  /** Appends a code point that comes from the same place as a char of another text. */
  public void appendCodePoint(int codePoint, Text source, int index) {
    if (codePoint < Character.MIN_SUPPLEMENTARY_CODE_POINT) {
      append((char) codePoint, source, index);
    } else {
      append(Character.highSurrogate(codePoint), source, index);
      append(Character.lowSurrogate(codePoint), source, index);
    }
  }

  /** Appends a code point that comes from a range of the original text. */
  public void appendCodePoint(int codePoint, int start, int end) {
    reserve(2);
    int width = Character.toChars(codePoint, chars, length);
    if (aligned) {
      align(length, width, start, end);
    }
    length += width;
  }

  /** Appends a string all of which comes from the same place as a char of another text. */
  public void append(String text, Text source, int index) {
    for (int i = 0; i < text.length(); i++) {
      append(text.charAt(i), source, index);
    }
  }

  /** Appends part of another text. */
  public void append(Text source, int from, int to) {
    reserve(to - from);
    System.arraycopy(source.chars, from, chars, length, to - from);
    if (aligned) {
      System.arraycopy(source.starts, from, starts, length, to - from);
      System.arraycopy(source.ends, from, ends, length, to - from);
    }
    length += to - from;
  }

  /** Appends chars without alignment. */
  public void append(CharSequence text) {
    reserve(text.length());
    for (int i = 0; i < text.length(); i++) {
      chars[length++] = text.charAt(i);
    }
  }

  /** Replaces a char by another that comes from the same place. */
  public void set(int index, char c) {
    chars[index] = c;
  }

  private void reserve(int more) {
    int capacity = length + more;
    if (capacity > chars.length) {
      chars = Arrays.copyOf(chars, Math.max(capacity, 2 * chars.length));
    }
    if (aligned && starts.length < chars.length) {
      starts = Arrays.copyOf(starts, chars.length);
      ends = Arrays.copyOf(ends, chars.length);
    }
  }

  /** The number of chars that the text can hold without growing. */
  public int capacity() {
    return chars.length;
  }

  @Override
  public CharSequence subSequence(int from, int to) {
    return new String(chars, from, to - from);
  }

  /** Part of the text. */
  public String substring(int from, int to) {
    return new String(chars, from, to - from);
  }

  @Override
  public String toString() {
    return new String(chars, 0, length);
  }
}
