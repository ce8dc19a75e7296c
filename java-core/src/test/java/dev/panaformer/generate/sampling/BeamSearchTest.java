package dev.panaformer.generate.sampling;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.sampling.BeamSearch.Hypothesis;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/**
 * The ids and scores that transformers 5.18 gives for a model whose logits depend on the last token
 * alone, with every kind of early stopping, many length penalties, one end token and three, a
 * repetition penalty and a least length.
 */
class BeamSearchTest {
  private static final int VOCABULARY = 23;
  private static final int NEW_TOKENS = 16;

  @Test
  void givesTheReferencesIds() throws Exception {
    List<String> lines;
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(
                BeamSearchTest.class.getResourceAsStream("/beam-search.jsonl"),
                StandardCharsets.UTF_8))) {
      lines = in.lines().toList();
    }
    assertEquals(300, lines.size());
    for (String line : lines) {
      agrees(line, JsonParser.parseString(line).getAsJsonObject());
    }
  }

  private static void agrees(String line, JsonObject expected) {
    JsonObject extra = expected.getAsJsonObject("extra");
    JsonElement penalty = extra.get("repetition_penalty");
    JsonElement minimum = extra.get("min_new_tokens");
    GenerationOptions options =
        GenerationOptions.builder()
            .maxNewTokens(NEW_TOKENS)
            .minNewTokens(minimum == null ? 0 : minimum.getAsInt())
            .repetitionPenalty(penalty == null ? 1 : penalty.getAsDouble())
            .beams(expected.get("beams").getAsInt())
            .lengthPenalty(expected.get("lengthPenalty").getAsDouble())
            .earlyStopping(
                switch (expected.get("earlyStopping").getAsString()) {
                  case "true" -> EarlyStopping.WHEN_FULL;
                  case "false" -> EarlyStopping.WHEN_UNLIKELY_TO_IMPROVE;
                  default -> EarlyStopping.WHEN_IMPOSSIBLE_TO_IMPROVE;
                })
            .build();
    BeamSearch search =
        search(
            options,
            expected.get("seed").getAsInt(),
            expected.get("spread").getAsDouble(),
            ints(expected.getAsJsonArray("prompt")),
            ints(expected.getAsJsonArray("eos")));
    assertArrayEquals(ints(expected.getAsJsonArray("ids")), search.best(), line);
    float score = expected.get("score").getAsFloat();
    assertEquals(score, search.ranking().get(0).score(), 1e-5 * Math.max(1, Math.abs(score)), line);
  }

  private static BeamSearch search(
      GenerationOptions options, int seed, double spread, int[] prompt, int[] ends) {
    BeamSearch search =
        new BeamSearch(
            options,
            options.maxNewTokens(),
            ends.length,
            h -> IntStream.of(ends).anyMatch(end -> end == h.id()));
    while (!search.done()) {
      Hypothesis[] running = search.running();
      float[][] rows = new float[running.length][];
      for (int b = 0; b < rows.length; b++) {
        Hypothesis h = running[b];
        rows[b] = logits(seed, spread, h.length() == 0 ? prompt[prompt.length - 1] : h.id());
        float sum = Rows.candidates(1, 1, rows[b]).logSumExp(0);
        for (int id = 0; id < VOCABULARY; id++) {
          rows[b][id] -= sum;
        }
        penalize(rows[b], h, options, prompt, ends);
      }
      Candidates best = Rows.candidates(search.candidates(VOCABULARY), 1, rows);
      search.step(best, 0, new float[rows.length], VOCABULARY);
      assertEquals(search.running().length, search.parents().length);
    }
    return search;
  }

  private static void penalize(
      float[] row, Hypothesis h, GenerationOptions options, int[] prompt, int[] ends) {
    TokenCounts counts = new TokenCounts();
    counts.addPrompt(prompt);
    IntStream.of(h.ids()).forEach(counts::addGenerated);
    counts.penalize(MemorySegment.ofArray(row), 0, 0, options);
    if (h.length() < options.minNewTokens()) {
      IntStream.of(ends).forEach(end -> row[end] = Float.NEGATIVE_INFINITY);
    }
  }

  private static float[] logits(int seed, double spread, int previous) {
    float[] row = new float[VOCABULARY];
    for (int id = 0; id < VOCABULARY; id++) {
      long bits = CounterRandom.bits(seed, previous * VOCABULARY + id);
      row[id] = (float) ((bits >>> 40) * 0x1p-24 * spread);
    }
    return row;
  }

  @Test
  void aVocabularySmallerThanTheBeamsWillDo() {
    GenerationOptions options = GenerationOptions.builder().beams(4).maxNewTokens(3).build();
    BeamSearch search = new BeamSearch(options, 3, 1, h -> h.id() == 2);
    while (!search.done()) {
      float[][] rows = new float[search.running().length][];
      for (int b = 0; b < rows.length; b++) {
        rows[b] = new float[] {0, 1, -1};
      }
      Candidates best = Rows.candidates(search.candidates(3), 1, rows);
      search.step(best, 0, sums(best, rows.length), 3);
    }
    assertArrayEquals(new int[] {1, 1, 1}, search.best());
    assertTrue(search.ranking().get(0).score() < 0);
  }

  private static float[] sums(Candidates candidates, int rows) {
    float[] sums = new float[rows];
    for (int row = 0; row < rows; row++) {
      sums[row] = candidates.logSumExp(row);
    }
    return sums;
  }

  private static int[] ints(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false)
        .mapToInt(JsonElement::getAsInt)
        .toArray();
  }
}
