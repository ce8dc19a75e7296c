package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.RankedText;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Encoder-decoders against the reference: n-best lists, losses, and what they refuse. */
class Seq2SeqTest {
  private static final Path GOLDEN = Path.of("../cli/src/test/resources/golden");

  @TempDir Path temporary;

  static Stream<Arguments> cases() {
    return Stream.of("t5-tiny", "bart-tiny")
        .flatMap(name ->
            Stream.of(Backend.JAVA, Backend.NATIVE)
                .map(CausalLMOptions.DEFAULT.withBlockTokens(4)::withBackend)
                // So few that texts wait for each other.
                .flatMap(o -> Stream.of(o, o.withStepTokens(3).withMaxSequences(4).withThreads(1)))
                .map(options -> Arguments.of(name, options)));
  }

  /** Rows of ids without padding. */
  private static List<int[]> rows(String name, String ids, String mask) {
    List<int[]> rows = new ArrayList<>();
    try (SafetensorsCheckpoint inputs =
            SafetensorsCheckpoint.open(GOLDEN.resolve(name).resolve("inputs.safetensors"));
        Arena arena = Arena.ofConfined()) {
      Tensor tensor = inputs.tensor(ids, arena);
      int columns = (int) tensor.shape()[1];
      long[] values = tensor.toLongs();
      long[] kept = inputs.tensor(mask, arena).toLongs();
      for (int row = 0; row < tensor.shape()[0]; row++) {
        int start = row * columns;
        rows.add(
            IntStream.range(start, start + columns)
                .filter(i -> kept[i] != 0)
                .map(i -> (int) values[i])
                .toArray());
      }
    }
    return rows;
  }

  private static List<int[]> sources(String name) {
    return rows(name, "input_ids", "attention_mask");
  }

  private static JsonObject searches(String name) {
    return JsonParser.parseString(
            ConfigJson.read(GOLDEN.resolve(name).resolve("search.json")).toString())
        .getAsJsonObject();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aSearchRanksItsTextsAsTheReferenceDoes(String name, CausalLMOptions options) {
    try (Seq2Seq model = Seq2Seq.load(GOLDEN.resolve(name), options)) {
      GenerationOptions search = model.options().toBuilder().maxNewTokens(16).beams(3).build();
      assertRanking(
          model,
          name,
          "beams_never",
          search.toBuilder()
              .lengthPenalty(1.7)
              .earlyStopping(EarlyStopping.WHEN_IMPOSSIBLE_TO_IMPROVE)
              .build());
      assertRanking(
          model,
          name,
          "beams_false",
          search.toBuilder()
              .lengthPenalty(0.5)
              .earlyStopping(EarlyStopping.WHEN_UNLIKELY_TO_IMPROVE)
              .build());
    }
  }

  private static void assertRanking(
      Seq2Seq model, String name, String which, GenerationOptions options) {
    JsonObject expected = searches(name).getAsJsonObject(which);
    JsonArray ids = expected.getAsJsonArray("ids");
    JsonArray scores = expected.getAsJsonArray("scores");
    List<Generation> running =
        sources(name).stream().map(source -> model.stream(source, options)).toList();
    for (int s = 0; s < running.size(); s++) {
      List<RankedText> ranking = running.get(s).result().ranking();
      assertArrayEquals(ranking.get(0).ids(), running.get(s).result().ids());
      for (int i = 0; i < 3; i++) {
        int[] row =
            ids.get(3 * s + i).getAsJsonArray().asList().stream()
                .mapToInt(id -> id.getAsInt())
                .toArray();
        int[] ours = ranking.get(i).ids();
        for (int t = 0; t < ours.length; t++) {
          assertEquals(row[t + 1], ours[t], which + " of source " + s + ", rank " + i);
        }
        assertEquals(scores.get(3 * s + i).getAsDouble(), ranking.get(i).score(), 1e-4);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void lossIsTheReferences(String name, CausalLMOptions options) {
    JsonArray losses = searches(name).getAsJsonArray("loss");
    List<int[]> sources = sources(name);
    List<int[]> targets = rows(name, "decoder_input_ids", "decoder_attention_mask");
    try (Seq2Seq model = Seq2Seq.load(GOLDEN.resolve(name), options)) {
      for (int s = 0; s < sources.size(); s++) {
        TextScore score = model.score(sources.get(s), targets.get(s));
        assertEquals(losses.get(s).getAsDouble(), score.loss(), 1e-4);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aTextIsTheSameAloneAndWithOthers(String name, CausalLMOptions options) {
    GenerationOptions drawn =
        GenerationOptions.builder()
            .maxNewTokens(12)
            .temperature(1.3)
            .seed(3)
            .logProbabilities(true)
            .build();
    try (Seq2Seq model = Seq2Seq.load(GOLDEN.resolve(name), options)) {
      List<int[]> sources = sources(name);
      List<Generation> together = sources.stream().map(s -> model.stream(s, drawn)).toList();
      for (int s = 0; s < sources.size(); s++) {
        var result = together.get(s).result();
        var alone = model.stream(sources.get(s), drawn).result();
        assertArrayEquals(alone.ids(), result.ids());
        assertArrayEquals(alone.logProbabilities(), result.logProbabilities());
        assertEquals(sources.get(s).length, result.promptTokens());
      }
    }
  }

  /** Were a source's keys and values copied for each beam, this cache would be far too small. */
  @Test
  void beamsShareTheirSource() {
    int source = 37;
    int beams = 4;
    int newTokens = 16;
    int blockTokens = 4;
    int blocks = (source + 3) / blockTokens + beams * newTokens / blockTokens;
    CausalLMOptions options = CausalLMOptions.DEFAULT.withBlockTokens(blockTokens);
    GenerationOptions search =
        GenerationOptions.builder().beams(beams).maxNewTokens(newTokens).build();
    Path folder = GOLDEN.resolve("t5-tiny");
    int[] ids = sources("t5-tiny").get(0);
    assertEquals(source, ids.length);
    try (Seq2Seq model = Seq2Seq.load(folder, options.withCacheTokens(blocks * blockTokens))) {
      assertTrue(model.stream(ids, search).result().ids().length > 0);
      assertTrue(model.stream(ids, search).result().ids().length > 0, "blocks come back");
    }
    try (Seq2Seq model =
        Seq2Seq.load(folder, options.withCacheTokens((blocks - 1) * blockTokens))) {
      assertThrows(CacheExhaustedException.class, () -> model.stream(ids, search));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"t5-tiny", "bart-tiny"})
  void attentionIsADistributionOverTheSource(String name) {
    int[] source = sources(name).get(2);
    int[] target = {5, 7, 9};
    try (Seq2Seq model = Seq2Seq.load(GOLDEN.resolve(name))) {
      AttentionMap map = model.attention(source, target);
      assertArrayEquals(new int[] {model.startToken(), 5, 7}, map.target());
      assertEquals(model.numLayers(), map.weights().length);
      for (float[] row : map.mean()) {
        double sum = IntStream.range(0, row.length).mapToDouble(i -> row[i]).sum();
        assertEquals(1, sum, 1e-5);
        assertEquals(source.length, row.length);
      }
      assertThrows(IndexOutOfBoundsException.class, () -> map.mean(7));
      assertThrows(IllegalArgumentException.class, () -> model.attention(source, new int[0]));
      assertThrows(IndexOutOfBoundsException.class, () -> model.attention(source, new int[] {60}));
    }
  }

  /** Of a GPU, should there be one, and of the emulation. */
  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void aDeviceLooksWhereTheProcessorDoes(Backend device) {
    try {
      device.open(1, 0).close();
    } catch (BackendException | UnsupportedOperationException e) {
      abort(e.getMessage());
    }
    int[] source = sources("t5-tiny").get(2);
    int[] target = {5, 7, 9};
    Path folder = GOLDEN.resolve("t5-tiny");
    try (Seq2Seq here = Seq2Seq.load(folder);
        Seq2Seq there = Seq2Seq.load(folder, CausalLMOptions.DEFAULT.withBackend(device))) {
      float[][] expected = here.attention(source, target).mean();
      float[][] actual = there.attention(source, target).mean();
      for (int t = 0; t < target.length; t++) {
        assertArrayEquals(expected[t], actual[t], 1e-5f);
      }
    }
  }

  private static <T extends Exception> void assertRefused(
      Class<T> type, String expected, Runnable action) {
    T e = assertThrows(type, action::run);
    assertTrue(e.getMessage().contains(expected), e.getMessage());
  }

  @Test
  void badInputIsRefusedByName() {
    try (Seq2Seq model = Seq2Seq.load(GOLDEN.resolve("bart-tiny"))) {
      GenerationOptions options = model.options();
      Class<IllegalArgumentException> argument = IllegalArgumentException.class;
      Class<IndexOutOfBoundsException> index = IndexOutOfBoundsException.class;
      assertRefused(argument, "a source without tokens", () -> model.stream(new int[0], options));
      assertRefused(argument, "a source without text", () -> model.generate(" \n"));
      assertRefused(
          argument,
          "a source of 49 tokens, at most 48 are allowed",
          () -> model.stream(new int[49], options));
      assertRefused(
          index,
          "token 1 of the source has id 60, the encoder has 60",
          () -> model.stream(new int[] {1, 60}, options));
      assertRefused(
          index,
          "token 2 has id 60, the model has 60",
          () -> model.score(new int[] {1}, new int[] {1, 60}));
      assertRefused(
          argument, "a target without tokens", () -> model.score(new int[] {1}, new int[0]));
      assertRefused(argument, "a text of 51 tokens", () -> model.score(new int[] {1}, new int[50]));
      assertRefused(
          index,
          "forcedEnd has id 60",
          () -> model.stream(new int[] {1}, options.toBuilder().forcedEnd(60).build()));
      assertRefused(IllegalStateException.class, "only ids can be used", () -> model.generate("a"));
    }
    assertRefused(
        UnsupportedModelException.class,
        "model_type is \"bert\", expected one of [t5, mt5, bart,",
        () -> Seq2Seq.load(GOLDEN.resolve("bert-model")));
  }

  private Path edited(String name, String from, String to) throws IOException {
    Path copy = Files.createTempDirectory(temporary, name);
    for (String file : List.of("config.json", "generation_config.json", "model.safetensors")) {
      Files.copy(GOLDEN.resolve(name).resolve(file), copy.resolve(file));
    }
    for (String file : List.of("config.json", "generation_config.json")) {
      Path path = copy.resolve(file);
      Files.writeString(path, Files.readString(path).replace(from, to));
    }
    return copy;
  }

  @Test
  void badFilesAreRefusedByName() throws IOException {
    String[][] edits = {
      {
        "bart-tiny",
        "BartForConditionalGeneration",
        "BartForSequenceClassification",
        "architectures is"
      },
      {"t5-tiny", "T5ForConditionalGeneration", "T5EncoderModel", "architectures is"},
      {
        "t5-tiny",
        "\"num_decoder_layers\": 2",
        "\"num_decoder_layers\": 3",
        "no tensor decoder.block.2.layer.0."
      },
      {
        "bart-tiny", "\"decoder_layers\": 2", "\"decoder_layers\": 3", "no tensor decoder.layers.2."
      },
      {
        "bart-tiny",
        "\"decoder_attention_heads\": 3",
        "\"decoder_attention_heads\": 5",
        "decoder_attention_heads is 5"
      },
      {
        "bart-tiny",
        "\"max_position_embeddings\": 48",
        "\"max_position_embeddings\": 47",
        "embed_positions.weight"
      },
      {
        "bart-tiny",
        "\"scale_embedding\"",
        "\"rope_theta\": 3, \"scale_embedding\"",
        "rope_theta is 3"
      },
      {
        "bart-tiny",
        "\"no_repeat_ngram_size\": 3",
        "\"encoder_no_repeat_ngram_size\": 3",
        "encoder_no_repeat_ngram_size is 3"
      },
      {
        "bart-tiny",
        "\"forced_eos_token_id\": 2",
        "\"forced_eos_token_id\": 77",
        "forced_eos_token_id is 77"
      },
      {
        "t5-tiny",
        "\"is_encoder_decoder\": true",
        "\"is_encoder_decoder\": false",
        "is_encoder_decoder is false"
      },
      {
        "t5-tiny",
        "\"feed_forward_proj\": \"gated-gelu\"",
        "\"feed_forward_proj\": \"gated-snake\"",
        "feed_forward_proj is"
      },
      {
        "t5-tiny", "\"dense_act_fn\": \"gelu_new\"", "\"dense_act_fn\": \"relu\"", "dense_act_fn is"
      },
    };
    for (String[] edit : edits) {
      Path folder = edited(edit[0], edit[1], edit[2]);
      assertRefused(CheckpointException.class, edit[3], () -> Seq2Seq.load(folder));
    }
  }

  /** As mBART's: words, the end token, the one language that the file names. */
  private static final String LANGUAGES =
      """
      {"version": "1.0", "truncation": null, "padding": null,
       "added_tokens": [
         {"id": 2, "content": "</s>", "special": true, "single_word": false, "lstrip": false,
          "rstrip": false, "normalized": false},
         {"id": 50, "content": "en_XX", "special": true, "single_word": false, "lstrip": false,
          "rstrip": false, "normalized": false},
         {"id": 51, "content": "de_DE", "special": true, "single_word": false, "lstrip": false,
          "rstrip": false, "normalized": false},
         {"id": 52, "content": "ro_RO", "special": true, "single_word": false, "lstrip": false,
          "rstrip": false, "normalized": false}],
       "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
       "post_processor": {"type": "TemplateProcessing",
         "single": [{"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "</s>", "type_id": 0}},
                    {"SpecialToken": {"id": "en_XX", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
         "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]},
                            "en_XX": {"id": "en_XX", "ids": [50], "tokens": ["en_XX"]}}},
       "decoder": null,
       "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": VOCABULARY}}
      """;

  private static String languages() {
    JsonObject vocabulary = new JsonObject();
    for (int id = 0; id < 60; id++) {
      vocabulary.addProperty("w" + id, id);
    }
    String[] special = {"</s>", "<unk>", "en_XX", "de_DE", "ro_RO"};
    int[] ids = {2, 3, 50, 51, 52};
    for (int i = 0; i < ids.length; i++) {
      vocabulary.remove("w" + ids[i]);
      vocabulary.addProperty(special[i], ids[i]);
    }
    return LANGUAGES.replace("VOCABULARY", vocabulary.toString());
  }

  @Test
  void languagesAreThoseThatAreAskedFor() throws IOException {
    Path folder = edited("bart-tiny", "\"no_repeat_ngram_size\": 3", "\"no_repeat_ngram_size\": 2");
    Files.writeString(folder.resolve("tokenizer.json"), languages());
    try (Seq2Seq model = Seq2Seq.load(folder)) {
      int[] source = {7, 9, 2, 51};
      GenerationOptions romanian = model.options().toBuilder().forcedStart(52).build();
      assertEquals(
          model.stream(source, romanian).result().text(),
          model.translate("w7 w9", "de_DE", "ro_RO"));
      Class<IllegalArgumentException> argument = IllegalArgumentException.class;
      assertRefused(
          argument, "no token for a language fr_XX", () -> model.translate("w7", "fr_XX", "ro_RO"));
      assertRefused(
          argument, "no token for a language w7", () -> model.translate("w7", "de_DE", "w7"));
    }
    Files.writeString(
        folder.resolve("tokenizer.json"),
        languages()
            .replace(
                "{\"SpecialToken\": {\"id\": \"en_XX\", \"type_id\": 0}}",
                "{\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}"));
    try (Seq2Seq model = Seq2Seq.load(folder)) {
      assertRefused(
          IllegalArgumentException.class,
          "puts no language around",
          () -> model.translate("w7", "de_DE", "ro_RO"));
    }
  }
}
