package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Pieces;
import java.util.Map;
import java.util.function.Function;

/** Splits pieces of a text into smaller ones. Immutable and thread-safe. */
public sealed interface PreTokenizer
    permits BertPreTokenizer,
        ByteLevel,
        CharDelimiterSplit,
        Digits,
        FixedLength,
        Metaspace,
        PreTokenizerSequence,
        Punctuation,
        Split,
        UnicodeScripts,
        Whitespace,
        WhitespaceSplit {

  /** The pre-tokenizers by their type in tokenizer.json. */
  Map<String, Function<ConfigJson, PreTokenizer>> TYPES =
      Map.ofEntries(
          Map.entry("BertPreTokenizer", json -> new BertPreTokenizer()),
          Map.entry("ByteLevel", ByteLevel::read),
          Map.entry("CharDelimiterSplit", CharDelimiterSplit::read),
          Map.entry("Digits", Digits::read),
          Map.entry("FixedLength", FixedLength::read),
          Map.entry("Metaspace", Metaspace::read),
          Map.entry("Punctuation", Punctuation::read),
          Map.entry("Sequence", PreTokenizerSequence::read),
          Map.entry("Split", Split::read),
          Map.entry("UnicodeScripts", json -> new UnicodeScripts()),
          Map.entry("Whitespace", json -> new Whitespace()),
          Map.entry("WhitespaceSplit", json -> new WhitespaceSplit()));

  /** Replaces the pieces by smaller ones. */
  void split(Pieces pieces);

  /** Whether a change of the text changes only the pieces near it. */
  default boolean isLocal() {
    return true;
  }

  /** Whether it asks where pieces come from in the original text, so that they must be aligned. */
  default boolean needsAlignment() {
    return false;
  }

  /**
   * Reads a pre-tokenizer of a tokenizer.json.
   *
   * @throws CheckpointException if its type is unknown or a field is invalid
   */
  static PreTokenizer read(ConfigJson json) {
    Function<ConfigJson, PreTokenizer> reader = TYPES.get(json.requireString("type"));
    if (reader == null) {
      throw json.unsupported("type", "one of " + TYPES.keySet().stream().sorted().toList());
    }
    return reader.apply(json);
  }
}
