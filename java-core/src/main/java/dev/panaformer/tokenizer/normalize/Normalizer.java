package dev.panaformer.tokenizer.normalize;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Draft;
import java.util.Map;
import java.util.function.Function;

/** Rewrites a text before it is split. Immutable and thread-safe. */
public sealed interface Normalizer
    permits BertNormalizer,
        ByteLevelNormalizer,
        CharacterMap,
        Lowercase,
        Nmt,
        NormalForm,
        NormalizerSequence,
        Prepend,
        Replace,
        Strip,
        StripAccents {

  /** The normalizers by their type in tokenizer.json. */
  Map<String, Function<ConfigJson, Normalizer>> TYPES =
      Map.ofEntries(
          Map.entry("BertNormalizer", BertNormalizer::read),
          Map.entry("ByteLevel", json -> new ByteLevelNormalizer()),
          Map.entry("Lowercase", json -> new Lowercase()),
          Map.entry("NFC", json -> NormalForm.NFC),
          Map.entry("NFD", json -> NormalForm.NFD),
          Map.entry("NFKC", json -> NormalForm.NFKC),
          Map.entry("NFKD", json -> NormalForm.NFKD),
          Map.entry("Nmt", json -> new Nmt()),
          Map.entry("Precompiled", CharacterMap::read),
          Map.entry("Prepend", Prepend::read),
          Map.entry("Replace", Replace::read),
          Map.entry("Sequence", NormalizerSequence::read),
          Map.entry("Strip", Strip::read),
          Map.entry("StripAccents", json -> new StripAccents()));

  /** Rewrites the text of a draft. */
  void normalize(Draft draft);

  /**
   * Whether the text before a {@linkplain dev.panaformer.tokenizer.text.Chars#isSafeCut safe place}
   * is rewritten the same way whatever follows.
   */
  default boolean isLocal() {
    return true;
  }

  /**
   * Reads a normalizer of a tokenizer.json.
   *
   * @throws CheckpointException if its type is unknown or a field is invalid
   */
  static Normalizer read(ConfigJson json) {
    Function<ConfigJson, Normalizer> reader = TYPES.get(json.requireString("type"));
    if (reader == null) {
      throw json.unsupported("type", "one of " + TYPES.keySet().stream().sorted().toList());
    }
    return reader.apply(json);
  }
}
