package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.JsonStream;
import dev.panaformer.checkpoint.StrictJson;
import dev.panaformer.tokenizer.model.Bpe;
import dev.panaformer.tokenizer.vocabulary.AddedToken;
import dev.panaformer.tokenizer.vocabulary.TokenTable;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads {@code vocab.json} and {@code merges.txt}, the files of byte-level BPE before
 * tokenizer.json. They hold the model alone; the class of the tokenizer says the rest.
 */
final class BytePairFiles {
  private static final String QWEN2_PATTERN =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
          + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final Map<String, String> ROBERTA_TOKENS =
      Map.of("bos_token", "<s>", "pad_token", "<pad>", "eos_token", "</s>", "unk_token", "<unk>");

  /** What a family of classes puts around a text. */
  private enum Family {
    ROBERTA,
    GPT2,
    QWEN2,
    DEBERTA
  }

  private static final Map<String, Family> CLASSES =
      Map.ofEntries(
          Map.entry("RobertaTokenizer", Family.ROBERTA),
          Map.entry("LongformerTokenizer", Family.ROBERTA),
          Map.entry("BartTokenizer", Family.ROBERTA),
          Map.entry("LEDTokenizer", Family.ROBERTA),
          Map.entry("MvpTokenizer", Family.ROBERTA),
          Map.entry("GPT2Tokenizer", Family.GPT2),
          Map.entry("CodeGenTokenizer", Family.GPT2),
          Map.entry("Qwen2Tokenizer", Family.QWEN2),
          Map.entry("DebertaTokenizer", Family.DEBERTA));

  /** The classes of folders that do not name one, by {@code model_type} of config.json. */
  private static final Map<String, String> CLASS_OF_MODEL =
      Map.of(
          "roberta", "RobertaTokenizer",
          "longformer", "LongformerTokenizer",
          "bart", "BartTokenizer",
          "gpt2", "GPT2Tokenizer",
          "gpt_neo", "GPT2Tokenizer",
          "qwen2", "Qwen2Tokenizer",
          "deberta", "DebertaTokenizer");

  private final Path file;
  private final TokenizerConfig config;
  private final TokenTable tokens;

  private BytePairFiles(Path file, TokenizerConfig config) {
    this.file = file;
    this.config = config;
    this.tokens = readVocabulary(file);
  }

  /**
   * @param file {@code vocab.json}
   * @throws CheckpointException if a file is damaged, or the class is not supported
   */
  static TokenizerFile read(Path file, TokenizerConfig config) {
    Family family = family(file, config);
    return new BytePairFiles(file, config).read(family);
  }

  private static Family family(Path file, TokenizerConfig config) {
    String name = config.className();
    Path modelConfig = file.resolveSibling("config.json");
    if (name.isEmpty() && Files.exists(modelConfig)) {
      String type = ConfigJson.read(modelConfig).optionalString("model_type", "");
      name = CLASS_OF_MODEL.getOrDefault(type, "");
    }
    Family family =
        CLASSES.get(name.endsWith("Fast") ? name.substring(0, name.length() - 4) : name);
    if (family == null) {
      throw config
          .json()
          .unsupported(
              "tokenizer_class",
              "one of " + CLASSES.keySet().stream().sorted().toList() + " for " + file);
    }
    return family;
  }

  private static TokenTable readVocabulary(Path file) {
    TokenTable.Builder tokens = new TokenTable.Builder(file.toString());
    try (JsonStream json = JsonStream.open(file)) {
      json.beginObject();
      while (json.hasNext()) {
        String token = json.nextName();
        if (!(json.nextValue() instanceof Long id)) {
          throw new CheckpointException(
              file + ": token " + StrictJson.text(token) + " has no integer as its id");
        }
        tokens.add(token, id);
      }
      json.endObject();
      json.end();
    }
    return tokens.build();
  }

  private TokenizerFile read(Family family) {
    boolean prefix = config.json().optionalBoolean("add_prefix_space", false);
    Map<String, Object> sections = new LinkedHashMap<>();
    sections.put("pre_tokenizer", byteLevel(prefix, true));
    sections.put("decoder", byteLevel(true, true));
    Set<AddedToken> added = new LinkedHashSet<>();
    switch (family) {
      case ROBERTA -> {
        String cls = token("cls_token", "<s>");
        String sep = token("sep_token", "</s>");
        sections.put(
            "post_processor",
            Templates.component(
                "RobertaProcessing",
                "sep",
                List.of(sep, id(sep)),
                "cls",
                List.of(cls, id(cls)),
                "trim_offsets",
                config.json().optionalBoolean("trim_offsets", true),
                "add_prefix_space",
                prefix));
        for (String name : List.of("bos_token", "pad_token", "eos_token", "unk_token")) {
          added.add(AddedToken.of(token(name, ROBERTA_TOKENS.get(name)), true));
        }
        // A mask takes the place of a word with the space before it.
        added.add(new AddedToken(token("mask_token", "<mask>"), false, true, false, false, true));
      }
      case GPT2 -> added.add(AddedToken.of(token("eos_token", "<|endoftext|>"), true));
      case QWEN2 -> {
        sections.put("normalizer", Templates.component("NFC"));
        Map<String, Object> split =
            Templates.component(
                "Split",
                "pattern",
                Map.of("Regex", QWEN2_PATTERN),
                "behavior",
                "Isolated",
                "invert",
                false);
        sections.put(
            "pre_tokenizer", Templates.sequence("pretokenizers", split, byteLevel(prefix, false)));
        added.add(AddedToken.of(token("eos_token", "<|endoftext|>"), true));
      }
      case DEBERTA -> {
        String cls = token("cls_token", "[CLS]");
        String sep = token("sep_token", "[SEP]");
        sections.put(
            "post_processor",
            Templates.template(
                List.of(cls + ":0", "A:0", sep + ":0"),
                List.of(cls + ":0", "A:0", sep + ":0", "B:1", sep + ":1"),
                token -> (int) id(token)));
        for (String name : List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]")) {
          added.add(AddedToken.of(name, true));
        }
        added.add(new AddedToken(token("mask_token", "[MASK]"), false, true, false, false, true));
      }
    }
    Merges merges = readMerges(file.resolveSibling("merges.txt"));
    Bpe model = merges.model(tokens, new Bpe.Options(-1, "", "", false, false, false));
    return new TokenizerFile(ConfigJson.of(file, sections), model, new ArrayList<>(added));
  }

  private static Map<String, Object> byteLevel(boolean prefix, boolean splits) {
    return Templates.component(
        "ByteLevel", "add_prefix_space", prefix, "trim_offsets", true, "use_regex", splits);
  }

  private String token(String name, String absent) {
    return config.token(name, absent);
  }

  private long id(String token) {
    int id = tokens.find(token);
    if (id < 0) {
      throw new CheckpointException(
          String.format("%s: lacks the token %s", file, StrictJson.text(token)));
    }
    return id;
  }

  private static Merges readMerges(Path file) {
    Merges merges = new Merges(file.toString());
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.isEmpty()) {
          merges.addLine(line);
        }
      }
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file + ": not UTF-8", e);
    } catch (IOException e) {
      throw CheckpointException.unreadable(file, e);
    }
    return merges;
  }
}
