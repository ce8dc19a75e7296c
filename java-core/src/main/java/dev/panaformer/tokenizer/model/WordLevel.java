package dev.panaformer.tokenizer.model;

import dev.panaformer.tokenizer.text.Text;
import dev.panaformer.tokenizer.vocabulary.TokenTable;

/** Makes each piece one token. */
public record WordLevel(TokenTable vocabulary, int unknown) implements TokenModel {
  @Override
  public void tokenize(Text text, int from, int to, Scratch scratch, Tokens tokens) {
    tokens.beginPiece();
    int id = vocabulary.trie().find(text.array(), from, to);
    if (id < 0) {
      id = unknown;
    }
    tokens.add(id, vocabulary.token(id), text, from, to);
  }
}
