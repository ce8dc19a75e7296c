package dev.panaformer.cli.command;

import dev.panaformer.checkpoint.PartialFolder;
import dev.panaformer.cli.conversion.Conversion;
import dev.panaformer.cli.conversion.ConvertedFolder;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Progress;
import dev.panaformer.cli.terminal.Result;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Converts an ONNX export to config.json, model.safetensors and tokenizer.json. */
@Command(
    name = "convert",
    description = {
      "Write an ONNX export as a folder in Hugging Face's layout.",
      "The configuration and the tokenizer beside it, or beside its folder 'onnx', are copied.",
      "Nothing is written unless all can be."
    })
public final class ConvertCommand implements Callable<Integer> {
  @Mixin private Output output;

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

  private record ConvertedModel(String folder, long bytes) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.printf(Locale.ROOT, "%s: %,d bytes of weights%n", folder, bytes);
    }
  }

  @Override
  public Integer call() throws IOException {
    for (Path input : tokenizer == null ? List.of(onnx) : List.of(onnx, tokenizer)) {
      if (Files.notExists(input)) {
        throw new NoSuchFileException(input.toString());
      }
    }
    ConvertedFolder converted = new ConvertedFolder(folder, force);
    converted.requireAbsent(Path.of("config.json"));
    converted.requireAbsent(Path.of("model.safetensors"));
    long[] bytes = {0};
    try (PartialFolder partial = PartialFolder.of(folder);
        Progress progress = Progress.ofBytes("Converting")) {
      Conversion.write(
          onnx,
          tokenizer,
          partial,
          (done, total) -> {
            bytes[0] = total;
            progress.at(done, total);
          });
      converted.take(partial);
    }
    output.print(new ConvertedModel(folder.toString(), bytes[0]));
    return 0;
  }
}
