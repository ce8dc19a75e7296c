package dev.panaformer.cli.command;

import dev.panaformer.Precision;
import dev.panaformer.Quantization;
import dev.panaformer.cli.arguments.ComputeArguments;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes a model's folder with its weights packed, so that loading need not pack them. */
@Command(
    name = "quantize",
    description = {
      "Write a model's folder once more with its weights in low precision, ready to be mapped.",
      "Nothing is written unless all can be."
    })
public final class QuantizeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

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

  @Override
  public Integer call() throws IOException {
    if (precision == Precision.FP32) {
      throw new ParameterException(
          spec.commandLine(), "--precision is fp32, expected bf16, int8, int4 or int4-128");
    }
    Quantization.write(source, target, precision);
    PrintWriter out = spec.commandLine().getOut();
    out.printf(Locale.ROOT, "%s: %,d bytes of weights in %s%n", target, weights(target), precision);
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
