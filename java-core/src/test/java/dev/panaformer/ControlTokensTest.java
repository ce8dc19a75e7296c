package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The spelling of a control token in a user's text is text. */
class ControlTokensTest {
  private static final int SEPARATOR = 3;

  @TempDir private Path folder;

  private static long separators(int[] ids) {
    return Arrays.stream(ids).filter(id -> id == SEPARATOR).count();
  }

  @Test
  void aTextHasNoSeparator() throws IOException {
    new TinyModel("BertModel").write(folder);
    try (TextEmbedder embedder =
        TextEmbedder.load(folder, ModelOptions.DEFAULT.withBackend(Backend.JAVA))) {
      assertEquals(1, separators(embedder.tokenize("hi there")));
      assertEquals(1, separators(embedder.tokenize("hi [SEP] there")));
      assertNotEquals(
          embedder.tokenize("hi [SEP] there").length, embedder.tokenize("hi there").length + 1);
    }
  }

  @Test
  void onlyTheMaskIsRecognised() throws IOException {
    new TinyModel("BertForMaskedLM").write(folder);
    try (FillMask model = FillMask.load(folder, ModelOptions.DEFAULT.withBackend(Backend.JAVA))) {
      assertEquals(1, model.fill("i love [MASK]", 1).size());
      assertEquals(2, model.fill("[MASK] [SEP] [MASK]", 1).size());
    }
  }

  /** The limit of tokenizer_config.json holds where no other file sets one. */
  @Test
  void theTokenizersLimitIsTheModels() throws IOException {
    new TinyModel("BertModel").write(folder);
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"model_max_length\": 6}");
    try (TextEmbedder embedder =
        TextEmbedder.load(folder, ModelOptions.DEFAULT.withBackend(Backend.JAVA))) {
      assertArrayEquals(new int[] {2, 5, 6, 7, 8, 3}, embedder.tokenize("a b c d e f g h"));
    }
  }
}
