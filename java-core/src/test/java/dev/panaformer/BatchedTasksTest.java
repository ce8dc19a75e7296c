package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.FillMask.Guess;
import dev.panaformer.QuestionAnswerer.Answer;
import dev.panaformer.TokenClassifier.Entity;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Many texts at once give the bits of one at a time, whatever the batches. */
class BatchedTasksTest {
  private static final int[] BATCH_TOKENS = {1, 11, 1024};
  private static final List<String> TEXTS =
      List.of("i love you", "", "a b c d e f g h i j k", "x", "i love you", "who love you?");
  private static final List<TextPair> PAIRS =
      List.of(
          new TextPair("i love", "you"),
          new TextPair("", ""),
          new TextPair("a b c d e f g", "h i j k l m n o p"),
          new TextPair("x", ""),
          new TextPair("you", "i love"));

  @TempDir Path folder;

  private static ModelOptions options(Backend backend, int tokens) {
    return ModelOptions.builder().backend(backend).maxBatchTokens(tokens).build();
  }

  @ParameterizedTest
  @EnumSource(names = {"NATIVE", "JAVA"})
  void textsAndPairsAreClassified(Backend backend) {
    new TinyModel("BertForSequenceClassification").write(folder);
    for (int tokens : BATCH_TOKENS) {
      try (TextClassifier model = TextClassifier.load(folder, options(backend, tokens))) {
        List<List<Label>> labels = model.classifyAll(TEXTS);
        float[][] logits = model.logitsAll(TEXTS);
        assertEquals(TEXTS.size(), labels.size());
        assertEquals(TEXTS.size(), logits.length);
        for (int i = 0; i < TEXTS.size(); i++) {
          assertEquals(model.classify(TEXTS.get(i)), labels.get(i));
          assertArrayEquals(model.logits(TEXTS.get(i)), logits[i]);
          assertSoftmax(logits[i], labels.get(i), model.labels());
        }
        labels = model.classifyAllPairs(PAIRS);
        logits = model.logitsAllPairs(PAIRS);
        assertEquals(PAIRS.size(), labels.size());
        for (int i = 0; i < PAIRS.size(); i++) {
          TextPair pair = PAIRS.get(i);
          assertEquals(model.classify(pair.first(), pair.second()), labels.get(i));
          assertArrayEquals(model.logits(pair.first(), pair.second()), logits[i]);
          assertSoftmax(logits[i], labels.get(i), model.labels());
        }
        assertEquals(List.of(), model.classifyAllPairs(List.of()));
        assertEquals(0, model.logitsAll(List.of()).length);
        assertEquals(0, model.logitsAllPairs(List.of()).length);
      }
    }
  }

  private static void assertSoftmax(float[] logits, List<Label> labels, List<String> names) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    for (Label label : labels) {
      double expected = Math.exp(logits[names.indexOf(label.label())]) / sum;
      assertEquals(expected, label.score(), 1e-6);
    }
  }

  @Test
  void aPairIsNotItsTextsInARow() {
    new TinyModel("BertForSequenceClassification").write(folder);
    try (TextClassifier model = TextClassifier.load(folder)) {
      assertTrue(model.logits("i love", "you")[0] != model.logits("i love you")[0]);
      assertTrue(model.logits("i love", "you")[0] != model.logits("you", "i love")[0]);
    }
  }

  @Test
  void documentsAreScoredByTheLogitOfTheOneLabel() {
    new TinyModel("BertForSequenceClassification").labels("relevant").write(folder);
    try (TextClassifier model = TextClassifier.load(folder)) {
      List<String> documents = List.of("i love you", "a", "", "who love you?");
      float[] scores = model.score("who love you?", documents);
      assertEquals(documents.size(), scores.length);
      for (int i = 0; i < scores.length; i++) {
        assertEquals(model.logits("who love you?", documents.get(i))[0], scores[i]);
        float probability = model.classify("who love you?", documents.get(i)).get(0).score();
        assertEquals(probability, 1 / (1 + Math.exp(-scores[i])), 1e-6);
      }
      assertEquals(0, model.score("you", List.of()).length);
    }
  }

  @Test
  void scoresNeedOneLabel() {
    new TinyModel("BertForSequenceClassification").write(folder);
    try (TextClassifier model = TextClassifier.load(folder)) {
      Exception e =
          assertThrows(UnsupportedOperationException.class, () -> model.score("you", List.of("i")));
      assertEquals(
          folder + ": scores need a model with one label, this one has " + model.labels(),
          e.getMessage());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NATIVE", "JAVA"})
  void entitiesOfManyTexts(Backend backend) {
    new TinyModel("BertForTokenClassification").write(folder);
    for (int tokens : BATCH_TOKENS) {
      try (TokenClassifier model = TokenClassifier.load(folder, options(backend, tokens))) {
        List<List<Entity>> together = model.entitiesAll(TEXTS);
        assertEquals(TEXTS.stream().map(model::entities).toList(), together);
        assertTrue(together.stream().anyMatch(entities -> !entities.isEmpty()), "some entity");
        assertEquals(List.of(), model.entitiesAll(List.of()));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NATIVE", "JAVA"})
  void masksOfManyTexts(Backend backend) {
    new TinyModel("BertForMaskedLM").write(folder);
    List<String> texts =
        List.of("i [MASK] you", "[MASK] [MASK] you", "[MASK]", "a b c d e f g [MASK] i j k l");
    for (int tokens : BATCH_TOKENS) {
      try (FillMask model = FillMask.load(folder, options(backend, tokens))) {
        List<List<List<Guess>>> together = model.fillAll(texts, 3);
        assertEquals(texts.stream().map(text -> model.fill(text, 3)).toList(), together);
        assertEquals(2, together.get(1).size());
        assertEquals(List.of(), model.fillAll(List.of(), 1));
      }
    }
  }

  /** The head sees so many masks at a time; more of them, over texts and batches, are not lost. */
  @Test
  void moreMasksThanTheHeadTakesAtATime() {
    new TinyModel("BertForMaskedLM").write(folder);
    List<String> texts = Collections.nCopies(9, "i [MASK] you [MASK] " + "[MASK] ".repeat(15));
    try (FillMask model = FillMask.load(folder)) {
      List<List<Guess>> alone = model.fill(texts.get(0), 2);
      assertEquals(17, alone.size());
      assertEquals(Collections.nCopies(9, alone), model.fillAll(texts, 2));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NATIVE", "JAVA"})
  void manyQuestions(Backend backend) {
    new TinyModel("BertForQuestionAnswering").write(folder);
    String longContext = "a b c d e f g h i j k l m n o p q r s t u v w x y z ".repeat(4);
    List<TextPair> questions =
        List.of(
            new TextPair("you?", "love"),
            new TextPair("who love you?", longContext),
            new TextPair("who love you?", "i love you"),
            new TextPair("you?", "love"));
    for (int tokens : BATCH_TOKENS) {
      try (QuestionAnswerer model = QuestionAnswerer.load(folder, options(backend, tokens))) {
        List<Answer> together = model.answerAll(questions);
        List<Answer> alone = new ArrayList<>();
        for (TextPair question : questions) {
          alone.add(model.answer(question.first(), question.second()));
        }
        assertEquals(alone, together);
        assertEquals(List.of(), model.answerAll(List.of()));
      }
    }
  }

  private static void refused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  @Test
  void aRefusalNamesTheTextByItsIndex() {
    ModelOptions strict = ModelOptions.DEFAULT.withTruncation(ModelOptions.Truncation.REFUSE);
    String tooLong = "a ".repeat(100);
    String tooLongMessage = folder + ": a text of 102 tokens, at most ";
    new TinyModel("BertForSequenceClassification").write(folder);
    try (TextClassifier model = TextClassifier.load(folder, strict);
        TextEmbedder embedder = TextEmbedder.load(folder, strict)) {
      for (Runnable call :
          List.<Runnable>of(
              () -> model.classifyAll(List.of("a", tooLong)),
              () -> model.logitsAll(List.of("a", tooLong)),
              () -> embedder.embedAll(List.of("a", tooLong)))) {
        Exception e = assertThrows(IllegalArgumentException.class, call::run);
        assertTrue(e.getMessage().startsWith("text 1: " + tooLongMessage), e.getMessage());
      }
      Exception e =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  model.classifyAllPairs(
                      List.of(new TextPair("", ""), new TextPair("a", tooLong))));
      assertTrue(e.getMessage().startsWith("text 1: " + folder), e.getMessage());
      e = assertThrows(IllegalArgumentException.class, () -> model.classify(tooLong));
      assertTrue(e.getMessage().startsWith(tooLongMessage), e.getMessage());
      List<String> absent = new ArrayList<>(TEXTS);
      absent.set(2, null);
      e = assertThrows(NullPointerException.class, () -> model.classifyAll(absent));
      assertEquals("text 2 is null", e.getMessage());
      e = assertThrows(NullPointerException.class, () -> model.classify(null));
      assertEquals("text 0 is null", e.getMessage());
      e = assertThrows(NullPointerException.class, () -> model.classify("a", null));
      assertEquals("second is null, expected a text", e.getMessage());
    }
    new TinyModel("BertForMaskedLM").write(folder);
    try (FillMask model = FillMask.load(folder)) {
      refused(
          "text 1: no [MASK] among the tokens of the text",
          () -> model.fillAll(List.of("[MASK]", "a"), 1));
    }
    new TinyModel("BertForQuestionAnswering").write(folder);
    try (QuestionAnswerer model = QuestionAnswerer.load(folder)) {
      refused(
          "text 1: the context holds no text",
          () -> model.answerAll(List.of(new TextPair("a", "b"), new TextPair("a", " "))));
    }
  }
}
