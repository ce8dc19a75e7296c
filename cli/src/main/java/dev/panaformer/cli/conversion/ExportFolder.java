package dev.panaformer.cli.conversion;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;

/**
 * The files that belong to an ONNX export: they say what its labels are called, how texts are cut
 * into tokens, and how token vectors become one. They lie beside the export or, in the Hub's
 * layout, beside the folder {@code onnx} that it lies in.
 */
final class ExportFolder {
  private static final Path MODULES = Path.of("modules.json");

  private static final List<String> CONFIGURATION =
      List.of(
          "config.json",
          "generation_config.json",
          "preprocessor_config.json",
          "modules.json",
          "sentence_bert_config.json",
          "config_sentence_transformers.json");

  private static final List<String> TOKENIZER =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.txt",
          "vocab.json",
          "merges.txt",
          "spiece.model",
          "sentencepiece.bpe.model",
          "tokenizer.model");

  private ExportFolder() {}

  /** The folder of these files. */
  static Path of(Path onnx) throws IOException {
    Path beside = onnx.toAbsolutePath().getParent();
    boolean inHubLayout =
        beside.getFileName() != null
            && beside.getFileName().toString().equals("onnx")
            && !exists(beside.resolve("config.json"))
            && exists(beside.resolveSibling("config.json"));
    return inHubLayout ? beside.getParent() : beside;
  }

  /** Which files of a tokenizer there are, by their paths in the folder. */
  static List<Path> tokenizer(Path folder) throws IOException {
    return present(folder, TOKENIZER);
  }

  /** Which other files there are, by their paths in the folder. */
  static List<Path> configuration(Path folder) throws IOException {
    List<Path> found = present(folder, CONFIGURATION);
    if (found.contains(MODULES)) {
      try (DirectoryStream<Path> modules = Files.newDirectoryStream(folder, "[0-9]*_*")) {
        for (Path module : modules) {
          Path config = module.resolve("config.json");
          if (Files.isDirectory(module) && exists(config)) {
            found.add(folder.relativize(config));
          }
        }
      }
    }
    return found;
  }

  private static List<Path> present(Path folder, List<String> names) throws IOException {
    List<Path> present = new ArrayList<>();
    for (String name : names) {
      if (exists(folder.resolve(name))) {
        present.add(Path.of(name));
      }
    }
    return present;
  }

  /**
   * @throws IOException if the folder may not be searched, in which its files would seem absent
   */
  private static boolean exists(Path file) throws IOException {
    try {
      Files.readAttributes(file, BasicFileAttributes.class);
      return true;
    } catch (NoSuchFileException e) {
      return false;
    }
  }
}
