package dev.panaformer.tokenizer.model;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.tokenizer.text.Text;
import dev.panaformer.tokenizer.vocabulary.TokenTable;

/** Turns pieces of text into tokens. Immutable and thread-safe. */
public sealed interface TokenModel permits Bpe, Unigram, WordLevel, WordPiece {
  /**
   * Adds the tokens of a piece.
   *
   * @param scratch arrays of the calling thread
   * @throws CheckpointException if the text has a character that no token stands for, and there is
   *     no unknown token
   */
  void tokenize(Text text, int from, int to, Scratch scratch, Tokens tokens);

  /** The tokens of the model. */
  TokenTable vocabulary();
}
