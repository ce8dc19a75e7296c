package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a user sees of low precision. */
class PrecisionTest {
  private static final Pattern ERROR = Pattern.compile("rel-L2 (\\S+)");

  @TempDir Path folder;

  /**
   * One of each family. A dozen random features make much of every rounding: what is asked here is
   * that all run and that results are of the right kind; how exact they are the real model shows.
   */
  @ParameterizedTest
  @CsvSource({"bf16, 0.25", "int8, 0.5", "int4, 2", "int4-128, 2"})
  void everyFamilyRunsInEveryPrecision(String precision, double bound) throws Exception {
    List<Path> models;
    try (Stream<Path> cases = Files.list(Golden.FOLDER)) {
      models = cases.filter(path -> Files.exists(path.resolve("model.safetensors"))).toList();
    }
    assertTrue(models.size() >= 14, models::toString);
    for (String backend : List.of("native", "java")) {
      for (Path model : models) {
        Outcome outcome =
            Outcome.of("verify", "--backend", backend, "--precision", precision, model.toString());
        List<Double> errors = new ArrayList<>();
        Matcher found = ERROR.matcher(outcome.out());
        while (found.find()) {
          if (!found.group(1).equals("-")) {
            errors.add(Double.valueOf(found.group(1)));
          }
        }
        assertFalse(errors.isEmpty(), outcome::toString);
        for (double error : errors) {
          assertTrue(error <= bound, () -> backend + " " + precision + "\n" + outcome);
        }
      }
    }
  }

  @Test
  void infoSaysWhatWeightsTake() {
    Map<String, Double> goals = Map.of("bf16", 0.55, "int8", 0.32, "int4", 0.2, "int4-128", 0.2);
    goals.forEach((precision, goal) -> {
      Outcome outcome = Outcome.of("info", "--json", "--precision", precision);
      JsonObject resident =
          JsonParser.parseString(outcome.out()).getAsJsonObject().getAsJsonObject("resident");
      assertEquals(precision, resident.get("precision").getAsString());
      assertTrue(resident.get("of_fp32").getAsDouble() <= goal, outcome::toString);
      assertTrue(resident.get("bytes").getAsLong() > 10_000_000, outcome::toString);
    });
  }

  @Test
  void whatIsQuantizedOnceIsTheSame() {
    Path model = Golden.modelWithVocabulary("bert-model", folder.resolve("model"));
    Path target = folder.resolve("int8");
    Outcome quantized =
        Outcome.of("quantize", model.toString(), target.toString(), "--precision", "int8");
    assertEquals(0, quantized.status(), quantized::toString);
    Outcome atLoad = Outcome.of("embed", "--model", model.toString(), "--precision", "int8", "a b");
    Outcome mapped = Outcome.of("embed", "--model", target.toString(), "a b");
    assertEquals(0, mapped.status(), mapped::toString);
    assertEquals(atLoad.out(), mapped.out());
    Outcome info = Outcome.of("info", "--json", "--model", target.toString());
    Outcome before = Outcome.of("info", "--json", "--model", model.toString());
    assertEquals(parameters(before), parameters(info));
    Outcome other = Outcome.of("embed", "--model", target.toString(), "--precision", "bf16", "a b");
    assertEquals(1, other.status());
    assertTrue(other.err().contains("was quantized to int8"), other::toString);
    Outcome again =
        Outcome.of("quantize", model.toString(), target.toString(), "--precision", "int8");
    assertEquals(1, again.status(), again::toString);
    assertEquals(
        2, Outcome.of("quantize", model.toString(), folder + "/x", "--precision", "fp32").status());
    assertEquals(2, Outcome.of("embed", "--precision", "int3", "a").status());
  }

  private static long parameters(Outcome info) {
    return JsonParser.parseString(info.out()).getAsJsonObject().get("parameters").getAsLong();
  }

  @Test
  void comparesVectors() {
    Outcome outcome =
        Outcome.of(
            "compare",
            "--json",
            "--precision",
            "int8",
            "I love you",
            "The animal didn't cross the street because it was too tired.",
            "Interest rates rise.");
    assertEquals(0, outcome.status(), outcome::toString);
    JsonObject json = JsonParser.parseString(outcome.lastLine()).getAsJsonObject();
    assertEquals(3, json.get("texts").getAsInt());
    double min = json.get("min_cosine").getAsDouble();
    assertTrue(min > 0.99 && min < 1, outcome::toString);
    assertTrue(json.get("mean_cosine").getAsDouble() >= min);
    assertTrue(json.get("largest_difference").getAsDouble() > 0);
    assertEquals(1, json.get("same_nearest").getAsDouble());
    assertEquals(1, json.get("same_neighbours").getAsDouble());
    Outcome table = Outcome.of("compare", "--precision", "bf16", "I love you");
    assertTrue(table.out().contains("cosine         min 0.9999"), table::toString);
    Outcome none = Outcome.of("compare", "I love you");
    assertEquals(2, none.status(), none::toString);
  }

  @Test
  void comparesForesight() {
    Path model = Golden.modelWithVocabulary("llama-lm-generate", folder.resolve("model"));
    Outcome outcome =
        Outcome.of(
            "compare", "--json", "--model", model.toString(), "--precision", "bf16", "a b c d e f");
    assertEquals(0, outcome.status(), outcome::toString);
    JsonObject json = JsonParser.parseString(outcome.lastLine()).getAsJsonObject();
    double exact = json.get("perplexity_fp32").getAsDouble();
    assertEquals(exact, json.get("perplexity").getAsDouble(), 0.05 * exact);
    assertTrue(json.get("same_best").getAsDouble() >= 0.5, outcome::toString);
    Outcome refused =
        Outcome.of("compare", "--model", Golden.FOLDER + "/vit-small", "--precision", "bf16", "a");
    assertEquals(1, refused.status());
    assertTrue(refused.err().contains("which compare is for"), refused::toString);
  }

  @Test
  void devicesRefuseByName() {
    Outcome outcome = Outcome.of("embed", "--backend", "cuda-emulated", "--precision", "int8", "a");
    assertEquals(1, outcome.status());
    assertTrue(
        outcome.err().contains("int8") || outcome.err().contains("library"), outcome::toString);
  }
}
