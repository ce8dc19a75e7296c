package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.FillMask.Guess;
import dev.panaformer.QuestionAnswerer.Answer;
import dev.panaformer.TokenClassifier.Entity;
import dev.panaformer.tokenizer.Encoding;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is made of a model's numbers, on small models and on numbers made up. */
class TasksTest {
  @TempDir Path folder;

  @Test
  void labelsOfOneChoiceSumToOne() {
    new TinyModel("BertForSequenceClassification").write(folder);
    try (TextClassifier classifier = TextClassifier.load(folder)) {
      List<Label> labels = classifier.classify("i love you");
      assertEquals(3, labels.size());
      assertEquals(1, labels.stream().mapToDouble(Label::score).sum(), 1e-6);
      assertTrue(labels.get(0).score() >= labels.get(1).score());
      assertTrue(labels.get(1).score() >= labels.get(2).score());
      assertEquals(
          List.of(labels, classifier.classify("a")),
          classifier.classifyAll(List.of("i love you", "a")));
      assertEquals(List.of(), classifier.classifyAll(List.of()));
      assertEquals(3, classifier.classify("i love", "you").size());
    }
  }

  @Test
  void theProblemTypeDecidesWhatScoresMean() {
    double single = score("x", "single_label_classification");
    double multi = score("x", "multi_label_classification");
    double logit = score("x", "regression");
    // One label has nothing to compete with: its logit is judged by itself.
    assertEquals(1 / (1 + Math.exp(-logit)), multi, 1e-6);
    assertEquals(multi, single);
  }

  private float score(String label, String problemType) {
    TinyModel model = new TinyModel("BertForSequenceClassification").labels(label);
    model.config.addProperty("problem_type", problemType);
    model.write(folder);
    try (TextClassifier classifier = TextClassifier.load(folder)) {
      return classifier.classify("i love you").get(0).score();
    }
  }

  @Test
  void adjacentTokensOfOneLabelAreOneEntity() {
    String text = "Ada Lovelace met Bob, Eve";
    Encoding encoding =
        encoding(0, new int[] {0, 4, 8, 13, 17, 20, 22}, new int[] {3, 8, 12, 16, 20, 21, 25});
    String[] labels = {"O", "B-PER", "I-PER", "I-PER", "O", "B-PER", "I-LOC", "B-LOC", "O"};
    double[] scores = {1, 0.5, 0.75, 1, 1, 0.25, 0.5, 0.125, 1};
    assertEquals(
        List.of(
            new Entity("PER", 0.75f, "Ada Lovelace", 0, 12),
            new Entity("PER", 0.25f, "Bob", 17, 20),
            new Entity("LOC", 0.5f, ",", 20, 21),
            new Entity("LOC", 0.125f, "Eve", 22, 25)),
        TokenClassifier.group(text, encoding, labels, scores));
  }

  @Test
  void labelsWithoutPrefixesAreTagsThemselves() {
    Encoding encoding = encoding(0, new int[] {0, 2, 4}, new int[] {1, 3, 5});
    String[] labels = {"O", "NOUN", "NOUN", "VERB", "O"};
    assertEquals(
        List.of(new Entity("NOUN", 1, "a b", 0, 3), new Entity("VERB", 1, "c", 4, 5)),
        TokenClassifier.group("a b c", encoding, labels, new double[] {1, 1, 1, 1, 1}));
  }

  @Test
  void entitiesLieWithinTheText() {
    new TinyModel("BertForTokenClassification").write(folder);
    String text = "i love you 😀 a b c";
    try (TokenClassifier classifier = TokenClassifier.load(folder)) {
      for (Entity entity : classifier.entities(text)) {
        assertEquals(text.substring(entity.start(), entity.end()), entity.text());
        assertTrue(entity.score() > 0.2 && entity.score() <= 1);
      }
      assertEquals(List.of(), classifier.entities(""));
    }
  }

  @Test
  void everyMaskIsFilled() {
    new TinyModel("BertForMaskedLM").write(folder);
    try (FillMask fillMask = FillMask.load(folder)) {
      assertEquals("[MASK]", fillMask.maskToken());
      List<List<Guess>> guesses = fillMask.fill("i [MASK] you [MASK]", TinyModel.VOCAB);
      assertEquals(2, guesses.size());
      for (List<Guess> ofOneMask : guesses) {
        assertEquals(1, ofOneMask.stream().mapToDouble(Guess::score).sum(), 1e-5);
        for (int i = 1; i < ofOneMask.size(); i++) {
          assertTrue(ofOneMask.get(i - 1).score() >= ofOneMask.get(i).score());
        }
      }
      assertTrue(guesses.get(0).get(0).text().contains("[MASK]"), "the other mask stays");
      Guess best = fillMask.fill("i [MASK] you", 1).get(0).get(0);
      assertEquals("i" + best.token() + "you", best.text().replace(" ", ""));
      refused("no [MASK] among the tokens of the text", () -> fillMask.fill("i love you", 1));
      refused("count is 0, expected 1 to 36", () -> fillMask.fill("[MASK]", 0));
      refused("count is 37, expected 1 to 36", () -> fillMask.fill("[MASK]", 37));
    }
  }

  private static void refused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  @Test
  void theBestSpanOfTheContextWins() {
    String context = "aa bb cc";
    Encoding window = encoding(2, new int[] {0, 3, 6}, new int[] {2, 5, 8});
    try (Arena arena = Arena.ofConfined()) {
      // [CLS] question question aa bb cc [SEP]; start and end logit of each, after one stray row.
      float[] logits = {9, 9, 0, 0, 9, 9, 9, 9, 0, 2, 3, 1, 0, 2.5f, 9, 9};
      MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_FLOAT, logits);
      QuestionAnswerer.Search search = new QuestionAnswerer.Search(context);
      search.read(window, segment, 1);
      Answer answer = search.best();
      assertEquals("bb cc", answer.text());
      assertEquals(3, answer.start());
      assertEquals(8, answer.end());
      double start = Math.exp(3) / (1 + 1 + Math.exp(3) + 1);
      double end = Math.exp(2.5) / (1 + Math.exp(2) + Math.exp(1) + Math.exp(2.5));
      assertEquals(start * end, answer.score(), 1e-6);
    }
  }

  @Test
  void scoresThatAreNoNumbersAreNotTakenForABlankContext() {
    Encoding window = encoding(1, new int[] {0}, new int[] {2});
    try (Arena arena = Arena.ofConfined()) {
      float[] logits = new float[2 * window.length()];
      Arrays.fill(logits, Float.NaN);
      QuestionAnswerer.Search search = new QuestionAnswerer.Search("aa");
      search.read(window, arena.allocateFrom(ValueLayout.JAVA_FLOAT, logits), 0);
      Exception e = assertThrows(ArithmeticException.class, search::best);
      assertEquals("the scores of the context are not numbers", e.getMessage());
    }
  }

  @Test
  void longContextsAreReadInWindows() {
    new TinyModel("BertForQuestionAnswering").write(folder);
    try (QuestionAnswerer answerer = QuestionAnswerer.load(folder)) {
      String context = "a b c d e f g h i j k l m n o p q r s t u v w x y z ".repeat(5);
      Answer answer = answerer.answer("who love you?", context);
      assertEquals(context.substring(answer.start(), answer.end()), answer.text());
      assertTrue(answer.score() > 0 && answer.score() <= 1);
      assertEquals("love", answerer.answer("you?", "love").text());
      refused("the context holds no text", () -> answerer.answer("you?", " "));
      assertThrows(
          IllegalArgumentException.class, () -> answerer.answer("you ".repeat(50), context));
    }
  }

  /** {@code [CLS]}, some tokens of a question, the given ones of the last text, {@code [SEP]}. */
  private static Encoding encoding(int question, int[] starts, int[] ends) {
    int first = 1 + question;
    int length = first + starts.length + 1;
    int[] allStarts = new int[length];
    int[] allEnds = new int[length];
    int[] sequences = new int[length];
    System.arraycopy(starts, 0, allStarts, first, starts.length);
    System.arraycopy(ends, 0, allEnds, first, ends.length);
    Arrays.fill(sequences, first, length - 1, question > 0 ? 1 : 0);
    sequences[0] = Encoding.NO_SEQUENCE;
    sequences[length - 1] = Encoding.NO_SEQUENCE;
    return new Encoding(
        new int[length], new int[length], new String[length], allStarts, allEnds, sequences);
  }

  @ParameterizedTest
  @EnumSource(
      value = Backend.class,
      names = {"NATIVE", "JAVA"})
  void batchesOfAnySizeHoldTheSameVectors(Backend backend) {
    new TinyModel("BertModel").write(folder);
    List<String> texts = List.of("a b c d", "", "i love you", "a b c d e f g h i j k", "x", "y");
    ModelOptions options = ModelOptions.DEFAULT.withBackend(backend);
    float[][] expected;
    try (TextEmbedder embedder = TextEmbedder.load(folder, options)) {
      expected = embedder.embedAll(texts);
      for (int i = 0; i < expected.length; i++) {
        assertArrayEquals(embedder.embed(texts.get(i)), expected[i]);
      }
      assertArrayEquals(embedder.embed("a"), embedder.embed("  a\n"));
      assertEquals(0, embedder.embedAll(List.of()).length);
    }
    for (int tokens : new int[] {1, 6, 13}) {
      try (TextEmbedder embedder = TextEmbedder.load(folder, options.withMaxBatchTokens(tokens))) {
        assertArrayEquals(expected, embedder.embedAll(texts));
      }
    }
  }

  @Test
  void poolingIsWhatTheFolderSays() throws IOException {
    new TinyModel("BertModel").write(folder);
    float[] byDefault;
    try (TextEmbedder embedder = TextEmbedder.load(folder)) {
      byDefault = embedder.embed("i love you");
    }
    assertEquals(1, norm(byDefault), 1e-6);
    Files.writeString(
        folder.resolve("modules.json"),
        """
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
         {"idx": 1, "name": "1", "path": "1_Pooling",
          "type": "sentence_transformers.models.Pooling"}]
        """);
    Files.createDirectory(folder.resolve("1_Pooling"));
    Files.writeString(
        folder.resolve("1_Pooling/config.json"),
        """
        {"word_embedding_dimension": 24, "pooling_mode_cls_token": false,
         "pooling_mode_mean_tokens": true}
        """);
    Files.writeString(folder.resolve("sentence_bert_config.json"), "{\"max_seq_length\": 6}");
    try (TextEmbedder embedder = TextEmbedder.load(folder)) {
      float[] plain = embedder.embed("i love you");
      float norm = (float) norm(plain);
      for (int i = 0; i < plain.length; i++) {
        plain[i] /= norm;
      }
      assertArrayEquals(byDefault, plain, 1e-6f);
      assertEquals(6, embedder.maxTokens());
      assertArrayEquals(embedder.embed("a b c d"), embedder.embed("a b c d e f"));
    }
    ModelOptions strict = ModelOptions.DEFAULT.withTruncation(ModelOptions.Truncation.REFUSE);
    try (TextEmbedder embedder = TextEmbedder.load(folder, strict)) {
      refused(
          folder + ": a text of 8 tokens, at most 6 are allowed",
          () -> embedder.embed("a b c d e f"));
    }
  }

  private static double norm(float[] vector) {
    double squares = 0;
    for (float value : vector) {
      squares += value * value;
    }
    return Math.sqrt(squares);
  }
}
