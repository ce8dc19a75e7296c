package dev.panaformer.cli.command;

import dev.panaformer.TextPair;

/**
 * One input of a command that reads texts.
 *
 * @param text null for a pair
 * @param pair null for a single text
 */
record TextInput(String text, TextPair pair) {
  static TextInput of(String text) {
    return new TextInput(text, null);
  }

  static TextInput of(TextPair pair) {
    return new TextInput(null, pair);
  }
}
