package dev.panaformer.tokenizer.normalize;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;

/**
 * SentencePiece's table of replacements. It consists of the length of a double-array trie, the trie
 * (Yata et al. 2007; one int per unit), and the zero-terminated replacements that its leaves point
 * to. Parsing checks that no offset points outside.
 */
final class DoubleArrayTrie {
  /** The children of a unit lie within a block of this many units, one for each byte. */
  private static final int BLOCK = 256;

  private final int[] units;
  private final byte[] replacements;

  private DoubleArrayTrie(int[] units, byte[] replacements) {
    this.units = units;
    this.replacements = replacements;
  }

  /**
   * @throws IllegalArgumentException if the bytes are not such a table
   */
  static DoubleArrayTrie parse(byte[] bytes) throws CharacterCodingException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (buffer.remaining() < 4) {
      throw new IllegalArgumentException("no length");
    }
    int trieBytes = buffer.getInt();
    if (trieBytes <= 0 || trieBytes > buffer.remaining() || trieBytes % (4 * BLOCK) != 0) {
      throw new IllegalArgumentException("a trie of " + trieBytes + " bytes");
    }
    int[] units = new int[trieBytes / 4];
    buffer.asIntBuffer().get(units);
    buffer.position(buffer.position() + trieBytes);
    byte[] replacements = new byte[buffer.remaining()];
    buffer.get(replacements);
    StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(replacements));
    DoubleArrayTrie trie = new DoubleArrayTrie(units, replacements);
    if (!trie.isSound()) {
      throw new IllegalArgumentException("an offset points outside the trie or the replacements");
    }
    return trie;
  }

  /** Walks the whole trie. */
  private boolean isSound() {
    BitSet seen = new BitSet(units.length);
    Deque<Integer> open = new ArrayDeque<>();
    open.push(offset(units[0]));
    while (!open.isEmpty()) {
      int node = open.pop();
      if (node < 0 || node >= units.length) {
        return false;
      }
      if (seen.get(node)) {
        continue;
      }
      seen.set(node);
      for (int label = 1; label < BLOCK; label++) {
        int unit = units[node ^ label];
        if (label(unit) != label) {
          continue;
        }
        int child = node ^ label ^ offset(unit);
        if (child < 0 || child >= units.length) {
          return false;
        }
        if (hasLeaf(unit) && !isReplacement(value(units[child]))) {
          return false;
        }
        open.push(child);
      }
    }
    return true;
  }

  /**
   * Whether a character of the replacements starts at this index, or the replacements end there.
   */
  private boolean isReplacement(int index) {
    return index == replacements.length
        || index < replacements.length && (replacements[index] & 0xC0) != 0x80;
  }

  /** The replacement of the shortest beginning of a text that has one, or null. */
  String replacement(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    int node = offset(units[0]);
    for (byte b : utf8) {
      int label = b & 0xFF;
      if (label == 0) {
        return null;
      }
      int unit = units[node ^ label];
      if (label(unit) != label) {
        return null;
      }
      node ^= label ^ offset(unit);
      if (hasLeaf(unit)) {
        return read(value(units[node]));
      }
    }
    return null;
  }

  private String read(int start) {
    int end = start;
    while (end < replacements.length && replacements[end] != 0) {
      end++;
    }
    return new String(replacements, start, end - start, StandardCharsets.UTF_8);
  }

  private static boolean hasLeaf(int unit) {
    return (unit >> 8 & 1) == 1;
  }

  private static int value(int unit) {
    return unit & 0x7FFFFFFF;
  }

  private static int label(int unit) {
    return unit & 0x800000FF;
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >> 6);
  }
}
