package dev.panaformer.tokenizer.normalize;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Changes;
import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;
import java.nio.charset.CharacterCodingException;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * SentencePiece's character map, as the reference applies it: a grapheme cluster of less than six
 * bytes is replaced as a whole if the map has a rule for its beginning, and otherwise each of its
 * characters by itself.
 */
final class CharacterMap implements Normalizer {
  private static final String FIELD = "precompiled_charsmap";
  private static final Pattern GRAPHEME = Pattern.compile("\\X");
  private static final int SHORT_CLUSTER = 6;

  private final DoubleArrayTrie trie;

  /** The replacements of ASCII characters that stand alone; null where there is none. */
  private final String[] ascii = new String[0x80];

  private CharacterMap(DoubleArrayTrie trie) {
    this.trie = trie;
    for (char c = 0; c < ascii.length; c++) {
      ascii[c] = trie.replacement(Character.toString(c));
    }
  }

  /** A map without rules, or null in its place, changes nothing. */
  static Normalizer read(ConfigJson json) {
    if (!json.has(FIELD) || json.requireString(FIELD).isEmpty()) {
      return new NormalizerSequence(List.of());
    }
    try {
      return of(Base64.getDecoder().decode(json.requireString(FIELD)));
    } catch (IllegalArgumentException | CharacterCodingException e) {
      throw json.wrong(FIELD, "base64 of a trie and UTF-8 text (" + e.getMessage() + ")");
    }
  }

  /**
   * @throws IllegalArgumentException if an offset points outside the map
   */
  static CharacterMap of(byte[] map) throws CharacterCodingException {
    return new CharacterMap(DoubleArrayTrie.parse(map));
  }

  /**
   * Reads the map of a SentencePiece file.
   *
   * @throws CheckpointException if it is damaged
   */
  public static Normalizer read(byte[] map, String source) {
    if (map.length == 0) {
      return new NormalizerSequence(List.of());
    }
    try {
      return of(map);
    } catch (IllegalArgumentException | CharacterCodingException e) {
      throw new CheckpointException(source + ": " + FIELD + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void normalize(Draft draft) {
    Text text = draft.text();
    if (isUnchangedAscii(text)) {
      return;
    }
    Text next = draft.begin();
    Replacements replacements = new Replacements(text, next);
    Matcher graphemes = null;
    boolean modified = false;
    for (int i = 0; i < text.length(); ) {
      char c = text.charAt(i);
      boolean alone = i + 1 < text.length() ? isAlone(c, text.charAt(i + 1)) : c < 0x80;
      int end = i + 1;
      if (!alone) {
        graphemes = graphemes == null ? GRAPHEME.matcher(text) : graphemes;
        end = graphemes.find(i) ? graphemes.end() : i + 1;
      }
      modified |= replace(text, i, end, replacements);
      i = end;
    }
    if (modified) {
      replacements.flush();
      draft.commit();
    }
  }

  private boolean isUnchangedAscii(Text text) {
    char before = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0x80 || ascii[c] != null || before == '\r') {
        return false;
      }
      before = c;
    }
    return true;
  }

  /** Whether two chars do not belong to one cluster, as far as that is known without searching. */
  private static boolean isAlone(char c, char next) {
    return c < 0x80 && next < 0x80 && c != '\r' || Chars.isSafeCut(c, next);
  }

  private boolean replace(Text text, int from, int to, Replacements replacements) {
    if (to == from + 1 && text.charAt(from) < 0x80) {
      String replacement = ascii[text.charAt(from)];
      replacements.add(1, replacement, text.charAt(from));
      return replacement != null;
    }
    String cluster = text.substring(from, to);
    if (utf8Length(cluster) < SHORT_CLUSTER) {
      String replacement = trie.replacement(cluster);
      if (replacement != null) {
        replacements.add(cluster.codePointCount(0, cluster.length()), replacement, 0);
        return true;
      }
    }
    boolean modified = false;
    for (int i = 0; i < cluster.length(); ) {
      int c = cluster.codePointAt(i);
      String replacement = trie.replacement(Character.toString(c));
      replacements.add(1, replacement, c);
      modified |= replacement != null;
      i += Character.charCount(c);
    }
    return modified;
  }

  private static int utf8Length(String text) {
    return text.length() >= SHORT_CLUSTER
        ? SHORT_CLUSTER
        : text.codePoints().map(Chars::utf8Length).sum();
  }

  /** Holds back one code point, because what is removed after it belongs to its change. */
  private static final class Replacements {
    private final Changes changes;
    private int held = -1;
    private int heldChange;

    Replacements(Text from, Text to) {
      this.changes = new Changes(from, to);
    }

    /**
     * @param replaced the number of code points that are replaced
     * @param replacement null to keep the code point {@code kept}
     */
    void add(int replaced, String replacement, int kept) {
      if (replacement == null) {
        emit(kept, 0);
        return;
      }
      int[] codePoints = replacement.codePoints().toArray();
      int inserted = codePoints.length - replaced;
      for (int i = 0; i < codePoints.length; i++) {
        emit(codePoints[i], i >= codePoints.length - inserted ? 1 : 0);
      }
      if (inserted < 0 && held >= 0) {
        heldChange += inserted;
      }
    }

    private void emit(int codePoint, int change) {
      flush();
      held = codePoint;
      heldChange = change;
    }

    void flush() {
      if (held >= 0) {
        changes.emit(held, heldChange);
      }
      held = -1;
    }
  }
}
