package dev.panaformer.tokenizer.model;

import dev.panaformer.tokenizer.text.Text;
import dev.panaformer.tokenizer.vocabulary.TokenTable;
import dev.panaformer.tokenizer.vocabulary.TokenTrie;

/**
 * Splits a word into the longest token that it begins with, the longest token that the rest begins
 * with, and so on (Wu et al. 2016). A word that cannot be split this way is one unknown token.
 */
public final class WordPiece implements TokenModel {
  private final TokenTable vocabulary;
  private final int unknown;
  private final int maxWordLength;

  /** The node of the prefix that all tokens but the first of a word have in the vocabulary. */
  private final int continuing;

  /**
   * @param unknown the id of the unknown token
   * @param maxWordLength the number of code points from which on a word is unknown
   */
  public WordPiece(TokenTable vocabulary, int unknown, String continuingPrefix, int maxWordLength) {
    this.vocabulary = vocabulary;
    this.unknown = unknown;
    this.maxWordLength = maxWordLength;
    this.continuing = vocabulary.trie().node(continuingPrefix);
  }

  @Override
  public void tokenize(Text text, int from, int to, Scratch scratch, Tokens tokens) {
    tokens.beginPiece();
    if (to - from > maxWordLength
        && Character.codePointCount(text.array(), from, to - from) > maxWordLength) {
      addUnknown(text, from, to, tokens);
      return;
    }
    scratch.reserve(to - from);
    int[] ids = scratch.first;
    int[] tokenEnds = scratch.second;
    TokenTrie trie = vocabulary.trie();
    char[] chars = text.array();
    int count = 0;
    int start = from;
    while (start < to) {
      int node = start == from ? TokenTrie.ROOT : continuing;
      int id = -1;
      int end = start;
      for (int i = start; i < to && node != TokenTrie.NONE; i++) {
        node = trie.child(node, chars[i]);
        if (node == TokenTrie.NONE) {
          break;
        }
        int found = trie.id(node);
        if (found >= 0) {
          id = found;
          end = i + 1;
        }
      }
      if (id < 0) {
        addUnknown(text, from, to, tokens);
        return;
      }
      ids[count] = id;
      tokenEnds[count++] = end;
      start = end;
    }
    start = from;
    for (int i = 0; i < count; i++) {
      tokens.add(ids[i], vocabulary.token(ids[i]), text, start, tokenEnds[i]);
      start = tokenEnds[i];
    }
  }

  private void addUnknown(Text text, int from, int to, Tokens tokens) {
    tokens.add(unknown, vocabulary.token(unknown), text, from, to);
  }

  @Override
  public TokenTable vocabulary() {
    return vocabulary;
  }
}
