package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.model.WordPiece;
import dev.panaformer.tokenizer.vocabulary.AddedToken;
import dev.panaformer.tokenizer.vocabulary.TokenTable;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads BERT's {@code vocab.txt}, one token per line. */
final class WordPieceFile {
  private static final int MAX_WORD_LENGTH = 100;

  private WordPieceFile() {}

  /**
   * @throws CheckpointException if it cannot be read, or lacks a special token
   */
  static TokenizerFile read(Path file, TokenizerConfig config) {
    TokenTable tokens = readTokens(file);
    List<AddedToken> added = new ArrayList<>();
    String pad = special(file, config, tokens, "pad_token", "[PAD]");
    String unknown = special(file, config, tokens, "unk_token", "[UNK]");
    String cls = special(file, config, tokens, "cls_token", "[CLS]");
    String sep = special(file, config, tokens, "sep_token", "[SEP]");
    String mask = special(file, config, tokens, "mask_token", "[MASK]");
    for (String token : List.of(pad, unknown, cls, sep, mask)) {
      added.add(AddedToken.of(token, true));
    }
    Map<String, Object> sections = new LinkedHashMap<>();
    // TokenizerConfig sets the fields of the normalizer that the settings have.
    sections.put(
        "normalizer",
        Templates.component(
            "BertNormalizer", "clean_text", true, "handle_chinese_chars", true, "lowercase", true));
    sections.put("pre_tokenizer", Templates.component("BertPreTokenizer"));
    sections.put(
        "post_processor",
        Templates.template(
            List.of(cls + ":0", "A:0", sep + ":0"),
            List.of(cls + ":0", "A:0", sep + ":0", "B:1", sep + ":1"),
            tokens::find));
    sections.put("decoder", Templates.component("WordPiece", "prefix", "##", "cleanup", true));
    WordPiece model = new WordPiece(tokens, tokens.find(unknown), "##", MAX_WORD_LENGTH);
    return new TokenizerFile(ConfigJson.of(file, sections), model, added);
  }

  private static TokenTable readTokens(Path file) {
    TokenTable.Builder tokens = new TokenTable.Builder(file.toString());
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      int id = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        tokens.replace(line, id++);
      }
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file + ": not UTF-8", e);
    } catch (IOException e) {
      throw CheckpointException.unreadable(file, e);
    }
    return tokens.build();
  }

  private static String special(
      Path file, TokenizerConfig config, TokenTable tokens, String field, String absent) {
    String token = config.token(field, absent);
    if (tokens.find(token) < 0) {
      throw new CheckpointException(
          String.format("%s: lacks the %s %s, expected one token a line", file, field, token));
    }
    return token;
  }
}
