package dev.panaformer.cli;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** An ONNX export to config.json, model.safetensors and tokenizer.json. */
@Command(
    name = "convert",
    description = "Write the weights of an ONNX export as a folder in Hugging Face's layout.")
final class ConvertCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "MODEL.ONNX")
  private Path onnx;

  @Parameters(index = "1", paramLabel = "DIR")
  private Path folder;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description = "Its tokenizer.json. Default: the one beside the model.")
  private Path tokenizer;

  @Option(names = "--force", description = "Replace files that are there.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    Path vocabulary =
        tokenizer != null ? tokenizer : onnx.toAbsolutePath().resolveSibling("tokenizer.json");
    if (!Files.exists(onnx)) {
      throw new NoSuchFileException(onnx.toString());
    }
    if (tokenizer != null && !Files.exists(tokenizer)) {
      throw new NoSuchFileException(tokenizer.toString());
    }
    for (String file : new String[] {"config.json", "model.safetensors", "tokenizer.json"}) {
      if (!force && Files.exists(folder.resolve(file))) {
        throw new FileAlreadyExistsException(folder.resolve(file).toString());
      }
    }
    Files.createDirectories(folder);
    DefaultModel.write(onnx, folder);
    if (Files.exists(vocabulary)) {
      Files.copy(vocabulary, folder.resolve("tokenizer.json"), StandardCopyOption.REPLACE_EXISTING);
    }
    return 0;
  }
}
