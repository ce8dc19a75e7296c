package dev.panaformer.tokenizer;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;

/**
 * SentencePiece's table of replacements. It consists of the length of a double-array trie, the trie
 * (Yata et al. 2007; one int per unit), and the zero-terminated replacements that its leaves point
 * to. The native library does not check the offsets, so this class does.
 */
final class PrecompiledCharsmap {
  /** The children of a unit lie within a block of this many units, one for each byte. */
  private static final int BLOCK = 256;

  private final int[] units;
  private final byte[] replacements;

  private PrecompiledCharsmap(int[] units, byte[] replacements) {
    this.units = units;
    this.replacements = replacements;
  }

  /**
   * Walks the whole trie.
   *
   * @throws CheckpointException if an offset points outside the trie or the replacements
   */
  static void check(ConfigJson normalizer) {
    String field = "precompiled_charsmap";
    try {
      byte[] bytes = Base64.getDecoder().decode(normalizer.requireString(field));
      if (!parse(bytes).isSound()) {
        throw normalizer.wrong(field, "a trie whose offsets stay within it");
      }
    } catch (IllegalArgumentException | CharacterCodingException e) {
      throw normalizer.wrong(field, "base64 of a trie and UTF-8 text (" + e.getMessage() + ")");
    }
  }

  private static PrecompiledCharsmap parse(byte[] bytes) throws CharacterCodingException {
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
    return new PrecompiledCharsmap(units, replacements);
  }

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
        if (hasLeaf(unit) && !isReplacement(units[child] & 0x7FFFFFFF)) {
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

  private static boolean hasLeaf(int unit) {
    return (unit >> 8 & 1) == 1;
  }

  private static int label(int unit) {
    return unit & 0x800000FF;
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >> 6);
  }
}
