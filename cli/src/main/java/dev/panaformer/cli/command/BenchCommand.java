package dev.panaformer.cli.command;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Describes what the launcher does under this name. */
@Command(
    name = "bench",
    description = {
      "Build and run a benchmark in a clone of the sources: minutes of computing on all cores.",
      "Both sides of a comparison run in turns in one JVM, on weights made at random or at hand."
    })
public final class BenchCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..*",
      paramLabel = "[NAME] [ARGUMENT]",
      hideParamSyntax = true,
      description = {
        "[THREADS…]: float32 MiniLM against ONNX Runtime",
        "decode [THREADS…]: GPT-2 small against ONNX Runtime, a small Llama against llama.cpp",
        "attention [--output PNG] [--threads N]: time and memory against the length of a text",
        "vision [THREADS…]: ViT-B/16 and Swin-T against ONNX Runtime",
        "seq2seq [THREADS…]: T5-small's and BART-base's shapes against ONNX Runtime",
        "longformer [THREADS…]: windows against full attention",
        "precision [MODEL…] [THREADS…]: 16, 8 and 4 bits against float32 and other libraries",
        "startup: from process start to the first embedding, and memory"
      })
  private List<String> arguments;

  @Override
  public Integer call() {
    throw new IllegalStateException(
        "benchmarks are not part of this jar: run ./panaformer bench in a clone of the sources");
  }
}
