package dev.panaformer.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;

/** SentencePiece's character maps, built from rules for tests. */
final class Charsmaps {
  /** Rules of the kinds that published maps have. */
  static final String NMT_NFKC_LIKE =
      build(
          Map.ofEntries(
              Map.entry("\t", " "),
              Map.entry("\n", " "),
              Map.entry("\r", " "),
              Map.entry("\u00a0", " "),
              Map.entry("\u3000", " "),
              Map.entry("\u00ad", ""),
              Map.entry("\u200b", ""),
              Map.entry("\u0000", ""),
              Map.entry("\u0001", ""),
              Map.entry("ﬁ", "fi"),
              Map.entry("ﬃ", "ffi"),
              Map.entry("½", "1\u20442"),
              Map.entry("e\u0301", "é"),
              Map.entry("か\u3099", "が"),
              Map.entry("ｶ", "カ"),
              Map.entry("ｶﾞ", "ガ"),
              Map.entry("①", "1"),
              Map.entry("㍿", "株式会社"),
              Map.entry("A", "a"),
              Map.entry("Å", "a\u030a"),
              Map.entry("ﷺ", "صلى الله عليه وسلم")));

  private Charsmaps() {}

  /** A double-array trie in which every node has a block of units to itself. */
  static String build(Map<String, String> rules) {
    Node root = new Node();
    ByteArrayOutputStream replacements = new ByteArrayOutputStream();
    new TreeMap<>(rules)
        .forEach((from, to) -> {
          Node node = root;
          for (byte b : from.getBytes(StandardCharsets.UTF_8)) {
            if (b == 0) {
              return;
            }
            node = node.children.computeIfAbsent(b & 0xFF, key -> new Node());
          }
          node.value = replacements.size();
          replacements.writeBytes(to.getBytes(StandardCharsets.UTF_8));
          replacements.write(0);
        });
    Units units = new Units();
    units.set(0, root.place(units) << 10);
    ByteBuffer bytes =
        ByteBuffer.allocate(4 + 4 * units.count + replacements.size())
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(4 * units.count);
    for (int i = 0; i < units.count; i++) {
      bytes.putInt(units.array[i]);
    }
    bytes.put(replacements.toByteArray());
    return Base64.getEncoder().encodeToString(bytes.array());
  }

  private static final class Units {
    private int[] array = new int[256];
    private int count = 256;

    int block() {
      count += 256;
      array = Arrays.copyOf(array, count);
      return count - 256;
    }

    void set(int index, int unit) {
      array[index] = unit;
    }
  }

  private static final class Node {
    private final Map<Integer, Node> children = new TreeMap<>();
    private int value = -1;

    /** Places the children and returns the index of the node's block. */
    int place(Units units) {
      int block = units.block();
      if (value >= 0) {
        units.set(block, value | 1 << 31);
      }
      children.forEach((label, child) -> {
        int childBlock = child.place(units);
        int offset = block ^ label ^ childBlock;
        units.set(block ^ label, offset << 10 | (child.value >= 0 ? 1 << 8 : 0) | label);
      });
      return block;
    }
  }
}
