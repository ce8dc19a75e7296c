package dev.panaformer.tokenizer.decode;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Turns the spellings of tokens into parts of a text. Immutable and thread-safe. */
public sealed interface Decoder
    permits BpeDecoder,
        ByteFallback,
        ByteLevelDecoder,
        Ctc,
        DecoderSequence,
        Fuse,
        MetaspaceDecoder,
        ReplaceDecoder,
        StripDecoder,
        WordPieceDecoder {

  /** The decoders by their type in tokenizer.json. */
  Map<String, Function<ConfigJson, Decoder>> TYPES =
      Map.ofEntries(
          Map.entry("BPEDecoder", BpeDecoder::read),
          Map.entry("ByteFallback", json -> new ByteFallback()),
          Map.entry("ByteLevel", json -> new ByteLevelDecoder()),
          Map.entry("CTC", Ctc::read),
          Map.entry("Fuse", json -> new Fuse()),
          Map.entry("Metaspace", MetaspaceDecoder::read),
          Map.entry("Replace", ReplaceDecoder::read),
          Map.entry("Sequence", DecoderSequence::read),
          Map.entry("Strip", StripDecoder::read),
          Map.entry("WordPiece", WordPieceDecoder::read));

  /** The parts of the text, which may be fewer than the tokens. */
  List<String> decode(List<String> tokens);

  /**
   * Reads a decoder of a tokenizer.json.
   *
   * @throws CheckpointException if its type is unknown or a field is invalid
   */
  static Decoder read(ConfigJson json) {
    Function<ConfigJson, Decoder> reader = TYPES.get(json.requireString("type"));
    if (reader == null) {
      throw json.unsupported("type", "one of " + TYPES.keySet().stream().sorted().toList());
    }
    return reader.apply(json);
  }
}
