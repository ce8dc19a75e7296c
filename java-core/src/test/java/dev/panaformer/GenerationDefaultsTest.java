package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.generate.GenerationOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a decoder takes from generation_config.json, by the code that encoder-decoders use. */
class GenerationDefaultsTest {
  private static final int[] PROMPT = {1, 2, 3};
  private static final CausalLMOptions OPTIONS =
      CausalLMOptions.DEFAULT.withBackend(Backend.JAVA).withCacheTokens(256);

  @TempDir Path folder;

  @BeforeEach
  void copy() throws IOException {
    try (Stream<Path> files = Files.list(GoldenCases.folder("gpt2-lm-generate"))) {
      for (Path file : files.toList()) {
        if (!file.getFileName().toString().equals("generation_config.json")) {
          Files.copy(file, folder.resolve(file.getFileName()));
        }
      }
    }
  }

  private CausalLM load(String generationConfig) throws IOException {
    if (generationConfig != null) {
      Files.writeString(folder.resolve("generation_config.json"), generationConfig);
    }
    return CausalLM.load(folder, OPTIONS);
  }

  @Test
  void withoutTheFileTheyAreTheLibrarys() throws IOException {
    try (CausalLM lm = load(null)) {
      assertEquals(GenerationOptions.DEFAULT, lm.options());
    }
  }

  @Test
  void areReadFromTheFile() throws IOException {
    String file =
        """
        {"eos_token_id": [5, 7], "max_new_tokens": 9, "do_sample": true, "temperature": 0.5,
         "top_k": 3, "top_p": 0.9, "repetition_penalty": 1.25}
        """;
    try (CausalLM lm = load(file)) {
      GenerationOptions options = lm.options();
      assertEquals(9, options.maxNewTokens());
      assertEquals(0.5, options.temperature());
      assertEquals(3, options.topK());
      assertEquals(0.9, options.topP());
      assertEquals(1.25, options.repetitionPenalty());
      assertEquals(Set.of(5, 7), lm.endTokens());
    }
  }

  @Test
  void aUsersOptionsWin() throws IOException {
    GenerationOptions greedy =
        GenerationOptions.builder().maxNewTokens(5).stopAtEndToken(false).build();
    int[] expected;
    try (CausalLM lm = load(null)) {
      expected = lm.generate(PROMPT, greedy).result().ids();
    }
    try (CausalLM lm = load("{\"max_new_tokens\": 2, \"do_sample\": true, \"temperature\": 9.0}")) {
      assertArrayEquals(expected, lm.generate(PROMPT, greedy).result().ids());
      assertEquals(2, lm.options().maxNewTokens());
    }
  }

  /** A user who brings options needs none of the folder's. */
  @Test
  void whatIsNotSupportedIsRefusedWhenItIsAskedFor() throws IOException {
    try (CausalLM lm = load("{\"guidance_scale\": 2.0}")) {
      GenerationOptions own = GenerationOptions.builder().maxNewTokens(2).build();
      assertTrue(lm.generate(PROMPT, own).result().ids().length > 0);
      Exception e = assertThrows(UnsupportedModelException.class, lm::options);
      assertTrue(e.getMessage().contains("guidance_scale is 2.0"), e.getMessage());
    }
  }

  @Test
  void aFieldThatIsWrongIsRefusedAtOnce() {
    Exception e = assertThrows(CheckpointException.class, () -> load("{\"num_beams\": \"two\"}"));
    assertTrue(e.getMessage().contains("num_beams is \"two\""), e.getMessage());
  }
}
