package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.JsonStream;
import dev.panaformer.checkpoint.StrictJson;
import dev.panaformer.tokenizer.file.SentencePieceModel.Piece;
import dev.panaformer.tokenizer.model.Unigram;
import dev.panaformer.tokenizer.vocabulary.AddedToken;
import dev.panaformer.tokenizer.vocabulary.TokenTable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the files of Marian's models: {@code source.spm} splits a text and {@code vocab.json} has
 * the ids, which the pieces of {@code target.spm} share. Pieces without an id are unknown.
 */
final class MarianFiles {
  private static final String WORD_START = "\u2581";

  private MarianFiles() {}

  /**
   * @param file {@code source.spm}
   */
  static TokenizerFile read(Path file, TokenizerConfig config) {
    if (config.json().optionalBoolean("separate_vocabs", false)) {
      throw config.json().unsupported("separate_vocabs", "false");
    }
    SentencePieceModel model = SentencePieceModel.read(file);
    Path vocabularyFile = file.resolveSibling("vocab.json");
    TokenTable.Builder tokens = new TokenTable.Builder(vocabularyFile.toString());
    try (JsonStream json = JsonStream.open(vocabularyFile)) {
      json.beginObject();
      while (json.hasNext()) {
        String token = json.nextName();
        if (!(json.nextValue() instanceof Long id)) {
          throw new CheckpointException(
              vocabularyFile + ": token " + StrictJson.text(token) + " has no integer as its id");
        }
        tokens.add(token, id);
      }
      json.endObject();
      json.end();
    }
    String unknown = config.token("unk_token", "<unk>");
    String end = config.token("eos_token", "</s>");
    int unknownId = require(tokens, unknown, vocabularyFile);
    require(tokens, end, vocabularyFile);
    Map<String, Object> sections = sections(model, end, tokens);
    List<AddedToken> added = new ArrayList<>();
    for (String token : List.of(end, unknown, config.token("pad_token", "<pad>"))) {
      added.add(AddedToken.of(token, true));
    }
    Unigram unigram = unigram(model, tokens, unknownId);
    return new TokenizerFile(ConfigJson.of(file, sections), unigram, added);
  }

  private static int require(TokenTable.Builder tokens, String token, Path file) {
    int id = tokens.find(token);
    if (id < 0) {
      throw new CheckpointException(
          String.format("%s: lacks the token %s", file, StrictJson.text(token)));
    }
    return id;
  }

  private static Map<String, Object> sections(
      SentencePieceModel model, String end, TokenTable.Builder tokens) {
    List<Object> normalizers = new ArrayList<>();
    if (model.characterMap().length > 0) {
      normalizers.add(
          Templates.component(
              "Precompiled",
              "precompiled_charsmap",
              Base64.getEncoder().encodeToString(model.characterMap())));
    }
    if (model.removesExtraSpaces()) {
      normalizers.add(Templates.component("Strip", "strip_left", true, "strip_right", true));
      normalizers.add(
          Templates.component("Replace", "pattern", Map.of("Regex", " {2,}"), "content", " "));
    }
    Map<String, Object> metaspace =
        Templates.component(
            "Metaspace",
            "replacement",
            WORD_START,
            "prepend_scheme",
            model.dummyPrefix() ? "always" : "never",
            "split",
            true);
    Map<String, Object> sections = new LinkedHashMap<>();
    sections.put("normalizer", Templates.component("Sequence", "normalizers", normalizers));
    sections.put("pre_tokenizer", metaspace);
    sections.put("decoder", metaspace);
    sections.put(
        "post_processor",
        Templates.template(
            List.of("A:0", end + ":0"), List.of("A:0", "B:0", end + ":0"), tokens::find));
    return sections;
  }

  /**
   * The pieces of the source with the ids of the vocabulary. Tokens that only the target has can
   * never be chosen, since their score is the lowest there is.
   */
  private static Unigram unigram(SentencePieceModel model, TokenTable.Builder tokens, int unknown) {
    TokenTable table = tokens.build();
    double[] scores = new double[table.size()];
    Arrays.fill(scores, Double.NEGATIVE_INFINITY);
    double lowest = 0;
    for (Piece piece : model.pieces()) {
      int id = table.find(piece.text());
      if (!piece.isControl() && id >= 0) {
        scores[id] = piece.score();
      }
      lowest = Math.min(lowest, piece.score());
    }
    return new Unigram(model.file().toString(), table, scores, lowest, unknown, false);
  }
}
