package dev.panaformer.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The cases that the repository carries, and copies of them to spoil. */
final class Golden {
  static final Path FOLDER = Path.of("src/test/resources/golden");

  /** The library's, on the real model. */
  static final Path MINILM = Path.of("../java-core/src/test/resources/golden/minilm");

  /** All cases there are, where they are at hand. */
  static final Path WHOLE = Path.of(System.getProperty("panaformer.golden", "../../shared/golden"));

  private static final int VOCABULARY = 200;

  private Golden() {}

  /** A copy of a case. */
  static Path copy(String name, Path target) {
    try {
      Files.createDirectories(target);
      try (Stream<Path> files = Files.list(FOLDER.resolve(name))) {
        for (Path file : files.toList()) {
          Files.copy(file, target.resolve(file.getFileName()));
        }
      }
      return target;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A copy of a case's model, with a vocabulary of letters, so that it reads text. */
  static Path modelWithVocabulary(String name, Path target) {
    Path folder = copy(name, target);
    List<String> words = new ArrayList<>(List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"));
    for (char letter = 'a'; letter <= 'z'; letter++) {
      words.add(String.valueOf(letter));
    }
    while (words.size() < VOCABULARY) {
      words.add("word" + words.size());
    }
    try {
      Files.write(folder.resolve("vocab.txt"), words);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return folder;
  }
}
