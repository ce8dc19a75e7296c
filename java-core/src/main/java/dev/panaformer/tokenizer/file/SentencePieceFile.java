package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.StrictJson;
import dev.panaformer.tokenizer.file.SentencePieceModel.Piece;
import dev.panaformer.tokenizer.model.Bpe;
import dev.panaformer.tokenizer.model.TokenModel;
import dev.panaformer.tokenizer.model.Unigram;
import dev.panaformer.tokenizer.vocabulary.AddedToken;
import dev.panaformer.tokenizer.vocabulary.TokenTable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads {@code spiece.model}, {@code tokenizer.model} and {@code sentencepiece.bpe.model} as the
 * transformers library converts them. The class of the tokenizer says how the pieces are numbered
 * and what is put around a text.
 */
final class SentencePieceFile {
  private static final String WORD_START = "\u2581";
  private static final int T5_SENTINELS = 100;

  private enum Family {
    T5,
    XLM_ROBERTA,
    ALBERT,
    LLAMA
  }

  private static final Map<String, Family> CLASSES =
      Map.of(
          "T5Tokenizer", Family.T5,
          "MT5Tokenizer", Family.T5,
          "XLMRobertaTokenizer", Family.XLM_ROBERTA,
          "AlbertTokenizer", Family.ALBERT,
          "LlamaTokenizer", Family.LLAMA);

  private static final Map<String, String> CLASS_OF_MODEL =
      Map.of(
          "t5", "T5Tokenizer",
          "mt5", "MT5Tokenizer",
          "xlm-roberta", "XLMRobertaTokenizer",
          "albert", "AlbertTokenizer",
          "llama", "LlamaTokenizer",
          "mistral", "LlamaTokenizer");

  private final SentencePieceModel model;
  private final TokenizerConfig config;
  private final TokenTable.Builder tokens;
  private final Map<String, Object> sections = new LinkedHashMap<>();
  private final List<AddedToken> added = new ArrayList<>();
  private double[] scores = {};

  private SentencePieceFile(Path file, TokenizerConfig config) {
    this.model = SentencePieceModel.read(file);
    this.config = config;
    this.tokens = new TokenTable.Builder(file.toString());
  }

  /**
   * @throws CheckpointException if the file is damaged, or the class is not supported
   */
  static TokenizerFile read(Path file, TokenizerConfig config) {
    Family family = family(file, config);
    SentencePieceFile reader = new SentencePieceFile(file, config);
    return switch (family) {
      case T5 -> reader.t5();
      case XLM_ROBERTA -> reader.xlmRoberta();
      case ALBERT -> reader.albert();
      case LLAMA -> reader.llama();
    };
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

  private void add(String token, double score) {
    int id = tokens.count();
    tokens.replace(token, id);
    if (id == scores.length) {
      scores = Arrays.copyOf(scores, Math.max(1 << 10, 2 * id));
    }
    scores[id] = score;
  }

  private void addPieces(int first) {
    for (Piece piece : model.pieces().subList(first, model.pieces().size())) {
      add(piece.text(), piece.score());
    }
  }

  private void addSpecial(String name, String absent) {
    added.add(AddedToken.of(config.token(name, absent), true));
  }

  /** The pieces, then sentinels in falling order. */
  private TokenizerFile t5() {
    addPieces(0);
    int sentinels = config.json().optionalInt("extra_ids", T5_SENTINELS, 0, 1 << 16);
    for (int i = sentinels - 1; i >= 0; i--) {
      add("<extra_id_" + i + ">", 0);
    }
    addSpecial("pad_token", "<pad>");
    addSpecial("eos_token", "</s>");
    addSpecial("unk_token", "<unk>");
    for (int i = 0; i < sentinels; i++) {
      added.add(AddedToken.of("<extra_id_" + i + ">", true));
    }
    String end = config.token("eos_token", "</s>");
    putMetaspace(normalizers());
    sections.put(
        "post_processor",
        Templates.template(
            List.of("A:0", end + ":0"),
            List.of("A:0", end + ":0", "B:0", end + ":0"),
            this::require));
    return unigram(model.unknown());
  }

  /** Four tokens of fairseq in place of the first three pieces, and a mask at the end. */
  private TokenizerFile xlmRoberta() {
    String[] first = {"<s>", "<pad>", "</s>", "<unk>"};
    for (String token : first) {
      add(token, 0);
    }
    addPieces(3);
    add("<mask>", 0);
    for (String token : first) {
      added.add(AddedToken.of(token, true));
    }
    added.add(new AddedToken("<mask>", false, true, false, false, true));
    putMetaspace(normalizers());
    sections.put(
        "post_processor",
        Templates.template(
            List.of("<s>:0", "A:0", "</s>:0"),
            List.of("<s>:0", "A:0", "</s>:0", "</s>:0", "B:0", "</s>:0"),
            this::require));
    return unigram(3);
  }

  private TokenizerFile albert() {
    addPieces(0);
    List<Object> normalizers = new ArrayList<>();
    normalizers.add(replace(Map.of("String", "``"), "\""));
    normalizers.add(replace(Map.of("String", "''"), "\""));
    if (!config.json().optionalBoolean("keep_accents", false)) {
      normalizers.add(Templates.component("NFKD"));
      normalizers.add(Templates.component("StripAccents"));
    }
    if (config.json().optionalBoolean("do_lower_case", true)) {
      normalizers.add(Templates.component("Lowercase"));
    }
    if (model.characterMap().length > 0) {
      normalizers.add(characterMap());
    }
    normalizers.add(replace(Map.of("Regex", " {2,}"), " "));
    putMetaspace(normalizers);
    addSpecial("pad_token", "<pad>");
    addSpecial("unk_token", "<unk>");
    addSpecial("cls_token", "[CLS]");
    addSpecial("sep_token", "[SEP]");
    added.add(
        new AddedToken(config.token("mask_token", "[MASK]"), false, true, false, false, true));
    String cls = config.token("cls_token", "[CLS]");
    String sep = config.token("sep_token", "[SEP]");
    sections.put(
        "post_processor",
        Templates.template(
            List.of(cls + ":0", "A:0", sep + ":0"),
            List.of(cls + ":0", "A:0", sep + ":0", "B:1", sep + ":1"),
            this::require));
    return unigram(model.unknown());
  }

  /** BPE with bytes for unknown characters; by default a text begins with a token. */
  private TokenizerFile llama() {
    addPieces(0);
    addSpecial("unk_token", "<unk>");
    addSpecial("bos_token", "<s>");
    addSpecial("eos_token", "</s>");
    Map<String, Object> toWordStart = replace(Map.of("String", " "), WORD_START);
    sections.put(
        "normalizer",
        model.dummyPrefix()
            ? Templates.sequence(
                "normalizers", Templates.component("Prepend", "prepend", WORD_START), toWordStart)
            : toWordStart);
    List<Object> decoders = new ArrayList<>();
    decoders.add(replace(Map.of("String", WORD_START), " "));
    decoders.add(Templates.component("ByteFallback"));
    decoders.add(Templates.component("Fuse"));
    if (model.dummyPrefix()) {
      decoders.add(Templates.component("Strip", "content", " ", "start", 1L, "stop", 0L));
    }
    sections.put("decoder", Templates.component("Sequence", "decoders", decoders));
    if (!config.json().has("add_bos_token")) {
      sections.put(
          "post_processor",
          Templates.beginAndEnd(config.token("bos_token", "<s>"), null, this::require));
    }
    return model.bytePairs() ? bpe() : unigram(model.unknown());
  }

  private List<Object> normalizers() {
    List<Object> normalizers = new ArrayList<>();
    if (model.characterMap().length > 0) {
      normalizers.add(characterMap());
    }
    if (model.removesExtraSpaces()) {
      normalizers.add(Templates.component("Strip", "strip_left", false, "strip_right", true));
      normalizers.add(replace(Map.of("Regex", " {2,}"), WORD_START));
    }
    return normalizers;
  }

  private Map<String, Object> characterMap() {
    return Templates.component(
        "Precompiled",
        "precompiled_charsmap",
        Base64.getEncoder().encodeToString(model.characterMap()));
  }

  private static Map<String, Object> replace(Map<String, Object> pattern, String content) {
    return Templates.component("Replace", "pattern", pattern, "content", content);
  }

  private void putMetaspace(List<Object> normalizers) {
    sections.put("normalizer", Templates.component("Sequence", "normalizers", normalizers));
    Map<String, Object> metaspace =
        Templates.component(
            "Metaspace",
            "replacement",
            WORD_START,
            "prepend_scheme",
            model.dummyPrefix() ? "always" : "never",
            "split",
            true);
    sections.put("pre_tokenizer", metaspace);
    sections.put("decoder", metaspace);
  }

  private int require(String token) {
    int id = tokens.find(token);
    if (id < 0) {
      throw new CheckpointException(
          String.format("%s: lacks the token %s", model.file(), StrictJson.text(token)));
    }
    return id;
  }

  private TokenizerFile unigram(int unknown) {
    if (model.bytePairs()) {
      throw new CheckpointException(
          model.file() + ": a BPE model, expected unigram for " + config.className());
    }
    TokenTable table = tokens.build();
    double[] used = Arrays.copyOf(scores, table.size());
    return file(new Unigram(model.file().toString(), table, used, unknown, model.byteFallback()));
  }

  private TokenizerFile file(TokenModel tokenModel) {
    return new TokenizerFile(ConfigJson.of(model.file(), sections), tokenModel, added);
  }

  /** A merge of two pieces to a third for every way to divide it, the best pieces first. */
  private TokenizerFile bpe() {
    record Merge(String left, String right, double score) {}
    Map<String, Integer> ids = new HashMap<>();
    for (int i = 0; i < model.pieces().size(); i++) {
      ids.put(model.pieces().get(i).text(), i);
    }
    List<Merge> merges = new ArrayList<>();
    for (Piece piece : model.pieces()) {
      List<Merge> local = new ArrayList<>();
      String text = piece.text();
      for (int i = 1; i < text.length(); i++) {
        String left = text.substring(0, i);
        String right = text.substring(i);
        if (ids.containsKey(left) && ids.containsKey(right)) {
          local.add(new Merge(left, right, piece.score()));
        }
      }
      local.sort(
          Comparator.<Merge>comparingInt(merge -> ids.get(merge.left))
              .thenComparingInt(merge -> ids.get(merge.right)));
      merges.addAll(local);
    }
    merges.sort(
        Comparator.comparingDouble(Merge::score)
            .thenComparingInt(merge -> merge.left.codePointCount(0, merge.left.length()))
            .thenComparingInt(merge -> merge.right.codePointCount(0, merge.right.length()))
            .reversed());
    Merges all = new Merges(model.file().toString());
    merges.forEach(merge -> all.add(merge.left, merge.right));
    TokenTable table = tokens.build();
    Bpe.Options options =
        new Bpe.Options(model.unknown(), "", "", true, model.byteFallback(), false);
    return file(all.model(table, options));
  }
}
