package dev.panaformer.tokenizer.model;

import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Text;
import dev.panaformer.tokenizer.vocabulary.TokenTable;

/**
 * Byte-pair encoding (Sennrich et al. 2016): the characters of a piece are merged pair by pair, the
 * merge of the lowest rank first and among equal ones the leftmost, until no pair merges.
 */
public final class Bpe implements TokenModel {
  /** SentencePiece's sign for a space. */
  private static final char WORD_START = '\u2581';

  /** Chars below this one have their id in an array: ASCII and the alphabet of bytes. */
  private static final int DIRECT_CHARS = 0x180;

  /**
   * What a file says about the model.
   *
   * @param unknown the id of the unknown token, or -1
   * @param continuingPrefix what characters but the first of a piece have before them in the
   *     vocabulary
   * @param endSuffix what the last character of a piece has after it in the vocabulary
   * @param fuseUnknown whether unknown characters that follow one another are one token
   * @param byteFallback whether unknown characters become tokens of their bytes
   * @param ignoreMerges whether a piece that is in the vocabulary is one token whatever the merges
   */
  public record Options(
      int unknown,
      String continuingPrefix,
      String endSuffix,
      boolean fuseUnknown,
      boolean byteFallback,
      boolean ignoreMerges) {}

  private final TokenTable vocabulary;
  private final MergeTable merges;
  private final Options options;
  private final boolean affixes;
  private final boolean splitsAtWordStarts;
  private final int[] charIds = new int[DIRECT_CHARS];
  private final int[] byteIds = new int[256];
  private final WordCache cache = new WordCache();

  /**
   * @param crossesWordStarts whether a merge makes a token in which {@code ▁} follows another
   *     character
   */
  public Bpe(TokenTable vocabulary, MergeTable merges, boolean crossesWordStarts, Options options) {
    this.vocabulary = vocabulary;
    this.merges = merges;
    this.options = options;
    this.affixes = !options.continuingPrefix.isEmpty() || !options.endSuffix.isEmpty();
    // Pieces are often whole texts, whose words can then be merged one by one. Without an unknown
    // token, characters without a token are dropped, and what is around them may merge.
    this.splitsAtWordStarts =
        !crossesWordStarts
            && !affixes
            && options.unknown >= 0
            && vocabulary.find(String.valueOf(WORD_START)) >= 0;
    for (char c = 0; c < DIRECT_CHARS; c++) {
      charIds[c] = vocabulary.find(Character.toString(c));
    }
    for (int b = 0; b < byteIds.length; b++) {
      byteIds[b] = options.byteFallback ? vocabulary.find(String.format("<0x%02X>", b)) : -1;
    }
  }

  /** Whether {@code ▁} follows another character in a token. */
  public static boolean crossesWordStart(String token) {
    for (int i = 1; i < token.length(); i++) {
      if (token.charAt(i) == WORD_START && token.charAt(i - 1) != WORD_START) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void tokenize(Text text, int from, int to, Scratch scratch, Tokens tokens) {
    if (options.ignoreMerges) {
      int id = vocabulary.trie().find(text.array(), from, to);
      if (id >= 0) {
        tokens.beginPiece();
        tokens.add(id, vocabulary.token(id), text, from, to);
        return;
      }
    }
    if (tokens.isDetailed()) {
      tokens.beginPiece();
      Word word = new Word(scratch, to - from);
      merge(text, from, to, word);
      addDetailed(text, from, to, word, tokens);
      return;
    }
    int start = from;
    if (splitsAtWordStarts) {
      for (int i = from + 1; i < to; i++) {
        if (text.charAt(i) == WORD_START && text.charAt(i - 1) != WORD_START) {
          tokenizeWord(text, start, i, scratch, tokens);
          start = i;
        }
      }
    }
    tokenizeWord(text, start, to, scratch, tokens);
  }

  private void tokenizeWord(Text text, int from, int to, Scratch scratch, Tokens tokens) {
    tokens.beginPiece();
    if (to == from + 1 && !affixes && text.charAt(from) < DIRECT_CHARS) {
      int id = charIds[text.charAt(from)];
      if (id >= 0) {
        tokens.add(id);
        return;
      }
    }
    int[] known = cache.get(text.array(), from, to);
    if (known != null) {
      for (int id : known) {
        tokens.add(id);
      }
      return;
    }
    Word word = new Word(scratch, to - from);
    merge(text, from, to, word);
    int first = tokens.count();
    for (int i = word.first(); i >= 0; i = word.next[i]) {
      tokens.add(word.ids[i]);
    }
    cache.put(text.array(), from, to, tokens, first);
  }

  private void merge(Text text, int from, int to, Word word) {
    addSymbols(text, from, to, word);
    word.merge(merges);
  }

  /** Adds the tokens of single characters. */
  private void addSymbols(Text text, int from, int to, Word word) {
    int pending = 0; // The bytes of unknown characters that have no symbol yet.
    for (int i = from; i < to; ) {
      int c = text.codePointAt(i);
      int end = i + Character.charCount(c);
      int bytes = Chars.utf8Length(c);
      String affixed = affixes ? affixed(c, i == from, end == to) : null;
      int id = affixed != null ? vocabulary.find(affixed) : find(text, c, i, end);
      if (id >= 0) {
        pending = addUnknown(pending, word);
        word.add(id, bytes);
      } else if (!addBytes(affixed != null ? affixed : Character.toString(c), word)) {
        if (options.unknown >= 0) {
          pending = options.fuseUnknown ? pending : addUnknown(pending, word);
          pending += bytes;
        }
      }
      i = end;
    }
    addUnknown(pending, word);
  }

  private int find(Text text, int c, int from, int to) {
    return c < DIRECT_CHARS ? charIds[c] : vocabulary.trie().find(text.array(), from, to);
  }

  private String affixed(int c, boolean first, boolean last) {
    return (first ? "" : options.continuingPrefix)
        + Character.toString(c)
        + (last ? options.endSuffix : "");
  }

  private int addUnknown(int bytes, Word word) {
    if (bytes > 0) {
      word.add(options.unknown, bytes);
    }
    return 0;
  }

  private boolean addBytes(String symbol, Word word) {
    if (!options.byteFallback) {
      return false;
    }
    byte[] utf8 = symbol.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    for (byte b : utf8) {
      if (byteIds[b & 0xFF] < 0) {
        return false;
      }
    }
    for (byte b : utf8) {
      word.add(byteIds[b & 0xFF], 1);
    }
    return true;
  }

  /**
   * Adds the tokens with their ranges. The reference counts bytes, and a character without a token
   * counts for none, so the tokens after it take its place. This is kept.
   */
  private void addDetailed(Text text, int from, int to, Word word, Tokens tokens) {
    int at = from;
    int charStart = 0; // The byte at which the char at this index begins.
    int start = 0;
    for (int i = word.first(); i >= 0; i = word.next[i]) {
      while (at < to && charStart + utf8Length(text, at) <= start) {
        charStart += utf8Length(text, at);
        at += width(text, at);
      }
      int first = Math.min(at, to - 1);
      int end = start + word.bytes[i];
      while (at < to && charStart + utf8Length(text, at) < end) {
        charStart += utf8Length(text, at);
        at += width(text, at);
      }
      int last = Math.min(at, to - 1);
      int id = word.ids[i];
      tokens.add(id, vocabulary.token(id), text.start(first), text.end(last));
      start = end;
    }
  }

  private static int utf8Length(Text text, int at) {
    return Chars.utf8Length(text.codePointAt(at));
  }

  private static int width(Text text, int at) {
    return Character.charCount(text.codePointAt(at));
  }

  @Override
  public TokenTable vocabulary() {
    return vocabulary;
  }
}
