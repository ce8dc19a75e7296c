package dev.panaformer.cli.command;

import dev.panaformer.Precision;
import dev.panaformer.Quantization;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Progress;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a model's folder with its weights packed, so that loading need not pack them. */
@Command(
    name = "quantize",
    description = {
      "Write a model's folder once more with its weights in low precision, ready to be mapped.",
      "Nothing is written unless all can be."
    })
public final class QuantizeCommand implements Callable<Integer> {
  @Mixin private Output output;

  @Parameters(index = "0", paramLabel = "DIR", description = "The model's folder.")
  private Path source;

  @Parameters(index = "1", paramLabel = "OUT", description = "The folder to write.")
  private Path target;

  @Option(
      names = "--precision",
      required = true,
      paramLabel = "P",
      converter = ComputeArguments.PrecisionName.class,
      description = "bf16, int8, int4 or int4-128.")
  private Precision precision;

  private record QuantizedModel(String folder, String precision, long bytes) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.printf(Locale.ROOT, "%s: %,d bytes of weights in %s%n", folder, bytes, precision);
    }
  }

  @Override
  public Integer call() throws IOException {
    if (precision == Precision.FP32) {
      throw new UsageException("--precision is fp32, expected bf16, int8, int4 or int4-128");
    }
    try (Progress progress = Progress.ofBytes("Quantizing")) {
      Quantization.write(source, target, precision, progress::at);
    }
    output.print(new QuantizedModel(target.toString(), precision.toString(), weights(target)));
    return 0;
  }

  private static long weights(Path folder) throws IOException {
    long bytes = 0;
    try (var files = Files.walk(folder)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
        bytes += Files.size(file);
      }
    }
    return bytes;
  }
}
