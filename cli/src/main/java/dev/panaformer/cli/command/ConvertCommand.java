package dev.panaformer.cli.command;

import dev.panaformer.cli.conversion.Conversion;
import dev.panaformer.cli.conversion.Folders;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Converts an ONNX export to config.json, model.safetensors and tokenizer.json. */
@Command(
    name = "convert",
    description = {
      "Write the weights of an ONNX export as a folder in Hugging Face's layout,",
      "with the tokenizer that lies beside it. Nothing is written unless all can be."
    })
public final class ConvertCommand implements Callable<Integer> {
  private static final List<String> TOKENIZER_FILES =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.txt");

  @Parameters(index = "0", paramLabel = "MODEL.ONNX", description = "The export.")
  private Path onnx;

  @Parameters(index = "1", paramLabel = "DIR", description = "The folder to write.")
  private Path folder;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description = "Its tokenizer.json. Default: what lies beside the model.")
  private Path tokenizer;

  @Option(names = "--force", description = "Replace files that are there.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    for (Path input : tokenizer == null ? List.of(onnx) : List.of(onnx, tokenizer)) {
      if (!Files.exists(input)) {
        throw new NoSuchFileException(input.toString());
      }
    }
    for (String file : List.of("config.json", "model.safetensors")) {
      requireAbsent(file);
    }
    Path target = folder.toAbsolutePath().normalize();
    Files.createDirectories(target.getParent());
    Path partial = Files.createTempDirectory(target.getParent(), target.getFileName() + ".");
    try {
      Conversion.write(onnx, partial);
      copyTokenizer(partial);
      move(partial);
    } finally {
      Folders.delete(partial);
    }
    return 0;
  }

  /** A new folder appears whole; into one that is there, files go one by one. */
  private void move(Path partial) throws IOException {
    if (!Files.exists(folder)) {
      Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    List<Path> files = Folders.files(partial);
    for (Path file : files) {
      requireAbsent(file.getFileName().toString());
    }
    for (Path file : files) {
      Files.move(file, folder.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private void requireAbsent(String name) throws IOException {
    Path file = folder.resolve(name);
    if (!force && Files.exists(file)) {
      throw new FileAlreadyExistsException(file.toString());
    }
  }

  private void copyTokenizer(Path target) throws IOException {
    if (tokenizer != null) {
      Files.copy(tokenizer, target.resolve("tokenizer.json"));
      return;
    }
    for (String name : TOKENIZER_FILES) {
      Path file = onnx.toAbsolutePath().resolveSibling(name);
      if (Files.exists(file)) {
        Files.copy(file, target.resolve(name));
      }
    }
  }
}
