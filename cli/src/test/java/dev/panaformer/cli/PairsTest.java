package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.QuestionAnswerer;
import dev.panaformer.TextClassifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that take two texts at a time. */
class PairsTest {
  @TempDir Path folder;

  private static JsonObject json(String line) {
    return JsonParser.parseString(line).getAsJsonObject();
  }

  @Test
  void classifiesPairs() throws IOException {
    Path model = Golden.modelWithVocabulary("bert-sequence-classification", folder.resolve("m"));
    Path file =
        Files.writeString(
            folder.resolve("pairs"),
            "a b\tc d\n{\"text\": \"e\", \"pair\": \"f\\tg\", \"id\": 7}\n");
    Outcome outcome =
        Outcome.of("classify", "--pairs", "--json", "--model", model + "", "--file", file + "");
    assertEquals(0, outcome.status(), outcome::toString);
    JsonObject first = json(outcome.lines().get(0));
    assertEquals("a b", first.get("text").getAsString());
    assertEquals("c d", first.get("pair").getAsString());
    assertEquals("f\tg", json(outcome.lines().get(1)).get("pair").getAsString());
    float score = first.getAsJsonArray("labels").get(0).getAsJsonObject().get("score").getAsFloat();
    try (TextClassifier classifier = TextClassifier.load(model)) {
      assertEquals(classifier.classify("a b", "c d").getFirst().score(), score);
      assertNotEquals(classifier.classify("a b c d").getFirst().score(), score);
    }
    assertEquals(outcome.lines().get(0), ofInput(model, "a b\tc d"));
    assertEquals(
        outcome.lines().get(0),
        Outcome.of("classify", "--pairs", "--json", "--model", model + "", "a b\tc d")
            .out()
            .strip());
  }

  private static String ofInput(Path model, String line) {
    return Outcome.ofInput(line, "classify", "--pairs", "--json", "--model", model + "")
        .out()
        .strip();
  }

  @Test
  void saysWhichLineIsNoPair() throws IOException {
    for (String line : new String[] {"c", "c\td\te", "{\"text\": \"c\"}", "{\"text\": \"c\", }"}) {
      Path file = Files.writeString(folder.resolve("pairs"), "a\tb\n" + line + "\n");
      Outcome outcome = Outcome.of("embed", "--pairs", "--file", file.toString());
      assertEquals(1, outcome.status(), outcome::toString);
      assertTrue(outcome.err().contains(file + ": line 2: "), outcome.err());
      assertEquals(1, outcome.lines().size(), "what is before it is printed");
    }
    Path model = Golden.modelWithVocabulary("bert-token-classification", folder.resolve("m"));
    Outcome tokens = Outcome.of("classify", "--pairs", "--model", model + "", "a\tb");
    assertEquals(2, tokens.status(), tokens::toString);
  }

  @Test
  void tellsHowSimilarPairsAre() {
    Outcome outcome = Outcome.of("embed", "--pairs", "--json", "a cat\ta kitten", "a cat\ttax law");
    assertEquals(0, outcome.status(), outcome::toString);
    double near = json(outcome.lines().get(0)).get("similarity").getAsDouble();
    double far = json(outcome.lines().get(1)).get("similarity").getAsDouble();
    assertTrue(near > far + 0.3, outcome::toString);
    Outcome table = Outcome.of("embed", "--similarity", "--json", "a cat", "a kitten");
    assertEquals(
        near,
        json(table.lines().get(0)).getAsJsonArray("similarities").get(1).getAsDouble(),
        1e-12);
    Outcome text = Outcome.of("embed", "--pairs", "a cat\ta kitten");
    assertTrue(text.out().matches(" 0\\.\\d{4}  a cat\ta kitten\\R"), text::toString);
  }

  @Test
  void answersAFileOfQuestions() throws IOException {
    Path model = Golden.modelWithVocabulary("bert-question-answering", folder.resolve("m"));
    Path file =
        Files.writeString(
            folder.resolve("questions"),
            "{\"question\": \"x y z\", \"context\": \"a b c d e f\"}\nx\tg h i j k\n");
    Outcome outcome =
        Outcome.of("answer", "--pairs", "--json", "--model", model + "", "--file", file + "");
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals(2, outcome.lines().size());
    try (QuestionAnswerer answerer = QuestionAnswerer.load(model)) {
      assertEquals(
          answerer.answer("x", "g h i j k").text(),
          json(outcome.lines().get(1)).get("text").getAsString());
    }
    assertEquals(
        outcome.out(),
        Outcome.ofInput(
                Files.readString(file), "answer", "--pairs", "--json", "--model", model + "")
            .out());
    assertEquals(
        outcome.lines().get(0),
        Outcome.of("answer", "--json", "--model", model + "", "x y z", "--context", "a b c d e f")
            .lastLine());
  }
}
