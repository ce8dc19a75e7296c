package dev.panaformer.consumer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;

/** Folders of small models, and images. */
final class Models {
  private static final Path GOLDEN = Path.of("../cli/src/test/resources/golden");

  private static final List<String> NAMES =
      List.of(
          "bert-model",
          "bert-sequence-classification",
          "bert-token-classification",
          "bert-masked-lm",
          "bert-question-answering",
          "gpt2-lm-generate",
          "t5-tiny",
          "vit-small",
          "yolos-small",
          "segformer-small");

  private static final List<String> WORDS =
      List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "love", "you", ".", "?");

  private static final String PREPROCESSOR =
      """
      {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
       "size": {"height": 12, "width": 12}}
      """;

  private static final String WEBP = "UklGRhwAAABXRUJQVlA4TBAAAAAvAAAAEAcQERGIiP4HAA==";

  private Models() {}

  /** Writes the folders that {@link Main} loads. */
  static Path write(Path folder) throws IOException {
    for (String name : NAMES) {
      Path model = Files.createDirectories(folder.resolve(name));
      for (String file : List.of("config.json", "generation_config.json", "model.safetensors")) {
        Path from = GOLDEN.resolve(name).resolve(file);
        if (Files.exists(from)) {
          Files.copy(from, model.resolve(file));
        }
      }
      Files.write(model.resolve("vocab.txt"), WORDS);
      Files.writeString(model.resolve("preprocessor_config.json"), PREPROCESSOR);
    }
    return folder;
  }

  /** A WebP image of one pixel, which the JDK cannot read. */
  static Path webp(Path folder) throws IOException {
    return Files.write(folder.resolve("pixel.webp"), Base64.getDecoder().decode(WEBP));
  }
}
