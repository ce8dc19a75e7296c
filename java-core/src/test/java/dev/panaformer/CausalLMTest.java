package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import dev.panaformer.generate.Prefix;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Batches, prompts that are read in pieces, and shared prefixes do not change what is generated.
 * That the ids of one generation alone are the reference's is verified with the golden cases, in
 * the module of the command line.
 */
class CausalLMTest {
  static Stream<Arguments> casesAndOptions() {
    return Stream.of("gpt2-lm-generate", "llama-lm-generate")
        .flatMap(name ->
            Stream.of(Backend.JAVA, Backend.NATIVE)
                .map(CausalLMOptions.DEFAULT.withBlockTokens(4)::withBackend)
                // So few that prompts are read in pieces, and texts wait for each other.
                .flatMap(o -> Stream.of(o, o.withStepTokens(3).withMaxSequences(4).withThreads(1)))
                .map(options -> Arguments.of(name, options)));
  }

  private static long[][] rows(SafetensorsCheckpoint checkpoint, String name) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = checkpoint.tensor(name, arena);
      long[] values = tensor.toLongs();
      int columns = (int) tensor.shape()[1];
      return IntStream.range(0, (int) tensor.shape()[0])
          .mapToObj(row -> Arrays.copyOfRange(values, row * columns, (row + 1) * columns))
          .toArray(long[][]::new);
    }
  }

  /** The prompts without the padding on their left. */
  private static List<int[]> prompts(Path folder) {
    List<int[]> prompts = new ArrayList<>();
    try (SafetensorsCheckpoint inputs =
        SafetensorsCheckpoint.open(folder.resolve("inputs.safetensors"))) {
      long[][] ids = rows(inputs, "input_ids");
      long[][] mask = rows(inputs, "attention_mask");
      for (int row = 0; row < ids.length; row++) {
        long[] tokens = ids[row];
        long[] kept = mask[row];
        prompts.add(
            IntStream.range(0, tokens.length)
                .filter(i -> kept[i] != 0)
                .map(i -> (int) tokens[i])
                .toArray());
      }
    }
    return prompts;
  }

  /** What each prompt is continued with when nothing else runs. */
  private static List<int[]> alone(
      Path folder, Backend backend, List<int[]> prompts, GenerationOptions options) {
    try (CausalLM lm = CausalLM.load(folder, CausalLMOptions.DEFAULT.withBackend(backend))) {
      return prompts.stream().map(prompt -> lm.generate(prompt, options).result().ids()).toList();
    }
  }

  @ParameterizedTest
  @MethodSource("casesAndOptions")
  void generatesTheSameIdsInBatchesAndInPieces(String name, CausalLMOptions options) {
    Path folder = GoldenCases.FOLDER.resolve(name);
    List<int[]> prompts = prompts(folder);
    GenerationOptions greedy =
        GenerationOptions.builder()
            .maxNewTokens(
                ConfigJson.read(folder.resolve("meta.json"))
                    .object("generate")
                    .requireInt("new", 1, 1000))
            .build();
    GenerationOptions beams =
        greedy.toBuilder().beams(4).earlyStopping(EarlyStopping.WHEN_FULL).build();
    try (CausalLM lm = CausalLM.load(folder, options)) {
      int end = lm.endTokens().iterator().next();
      List<Generation> running = new ArrayList<>();
      prompts.forEach(prompt -> running.add(lm.generate(prompt, greedy)));
      prompts.forEach(prompt -> running.add(lm.generate(prompt, beams)));
      Backend backend = options.compute().backend();
      List<int[]> expected = new ArrayList<>(alone(folder, backend, prompts, greedy));
      expected.addAll(alone(folder, backend, prompts, beams));
      for (int i = 0; i < expected.size(); i++) {
        assertArrayEquals(expected.get(i), running.get(i).result().ids(), "generation " + i);
      }
      for (int i = 0; i < prompts.size(); i++) {
        int[] prompt = prompts.get(i);
        try (Prefix prefix = lm.prefix(Arrays.copyOf(prompt, 3))) {
          int[] rest = Arrays.copyOfRange(prompt, 3, prompt.length);
          assertArrayEquals(expected.get(i), lm.generate(prefix, rest, greedy).result().ids());
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("casesAndOptions")
  void aDrawnTextIsTheSameAloneAndWithOthers(String name, CausalLMOptions options) {
    Path folder = GoldenCases.FOLDER.resolve(name);
    List<int[]> prompts = prompts(folder);
    GenerationOptions drawn =
        GenerationOptions.builder()
            .maxNewTokens(40)
            .temperature(1.5)
            .topP(0.95)
            .seed(3)
            .logProbabilities(true)
            .build();
    try (CausalLM lm = CausalLM.load(folder, options)) {
      List<Generation> together = prompts.stream().map(p -> lm.generate(p, drawn)).toList();
      List<GenerationResult> results = together.stream().map(Generation::result).toList();
      for (int i = 0; i < prompts.size(); i++) {
        GenerationResult alone = lm.generate(prompts.get(i), drawn).result();
        assertArrayEquals(alone.ids(), results.get(i).ids());
        assertArrayEquals(alone.logProbabilities(), results.get(i).logProbabilities());
        int[] all =
            IntStream.concat(IntStream.of(prompts.get(i)), IntStream.of(alone.ids())).toArray();
        TextScore score = lm.score(all, lm.contextLength());
        assertArrayEquals(
            alone.logProbabilities(),
            Arrays.copyOfRange(score.logProbabilities(), prompts.get(i).length, all.length));
      }
      assertThrows(IllegalStateException.class, () -> lm.generate("text"));
      assertThrows(IndexOutOfBoundsException.class, () -> lm.generate(new int[] {200}, drawn));
    }
  }

  @ParameterizedTest
  @MethodSource("casesAndOptions")
  void scoresInWindows(String name, CausalLMOptions options) {
    Path folder = GoldenCases.FOLDER.resolve(name);
    try (CausalLM lm = CausalLM.load(folder, options)) {
      int context = lm.contextLength();
      int[] ids = IntStream.range(0, context + 50).map(i -> (i * 37 + 11) % 200).toArray();
      TextScore score = lm.score(ids, context / 2);
      TextScore first = lm.score(Arrays.copyOf(ids, context), context / 2);
      TextScore second = lm.score(Arrays.copyOfRange(ids, context / 2, context + 50), context / 2);
      for (int i = 0; i < ids.length; i++) {
        float expected =
            i < context ? first.logProbabilities()[i] : second.logProbabilities()[i - context / 2];
        assertEquals(expected, score.logProbabilities()[i], "token " + i);
      }
      assertEquals(Math.exp(score.loss()), score.perplexity());
      List<Integer> progress = new ArrayList<>();
      lm.score(ids, context / 2, progress::add);
      assertEquals(context, progress.getFirst());
      assertEquals(context + 50, progress.getLast());
      assertThrows(IllegalArgumentException.class, () -> lm.score(new int[] {5}, 1));
      assertThrows(IllegalArgumentException.class, () -> lm.score(ids, context + 1));
    }
  }
}
