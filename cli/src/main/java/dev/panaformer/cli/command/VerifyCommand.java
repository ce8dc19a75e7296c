package dev.panaformer.cli.command;

import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Progress;
import dev.panaformer.cli.verify.Backends;
import dev.panaformer.cli.verify.CaseFinder;
import dev.panaformer.cli.verify.CaseResult;
import dev.panaformer.cli.verify.GoldenCase;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs cases and compares with what the reference computed. */
@Command(
    name = "verify",
    description = {
      "Compare models, operators and tokenizers with what a reference made of the same inputs.",
      "docs/verify.md describes cases, and how to make one of a model of your own."
    },
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:Every case passed.",
      "1:A case failed, or there is none in a DIR.",
      "2:No case failed, but some ask for what is not supported yet; or wrong usage."
    })
public final class VerifyCommand implements Callable<Integer> {
  private static final int PASSED = 0;
  private static final int FAILED = 1;
  private static final int UNSUPPORTED = 2;

  @Mixin private Output output;
  @Mixin private ComputeArguments compute;

  @Parameters(
      arity = "1..*",
      paramLabel = "DIR",
      description = "Case folders, folders of them, or files with an operator's case.")
  private List<Path> folders;

  @Option(
      names = "--outputs",
      paramLabel = "DIR",
      description = {
        "Write what was computed to DIR/CASE.safetensors,",
        "the tensors named as the reference's outputs."
      })
  private Path outputs;

  @Override
  public Integer call() throws IOException {
    List<GoldenCase> cases = new ArrayList<>();
    for (Path folder : folders) {
      cases.addAll(CaseFinder.find(folder));
    }
    if (outputs != null) {
      requireDifferentNames(cases);
    }
    int width = cases.stream().mapToInt(golden -> golden.name().length()).max().getAsInt();
    VerifyReport report = new VerifyReport(output, width);
    try (Backends backends = Backends.open(compute.options());
        Progress progress = Progress.printing("Verifying", Progress.Unit.ITEMS, cases.size())) {
      output.err().println("panaformer: computing with " + backends.description());
      for (GoldenCase golden : cases) {
        run(golden, backends, report);
        progress.advance(1);
      }
    }
    report.finish();
    return report.failed() > 0 ? FAILED : report.unsupported() > 0 ? UNSUPPORTED : PASSED;
  }

  /** Every case has a file of its own. */
  private static void requireDifferentNames(List<GoldenCase> cases) throws IOException {
    Set<String> names = new HashSet<>();
    for (GoldenCase golden : cases) {
      if (!names.add(golden.name())) {
        throw new IOException("--outputs: two cases are called " + golden.name());
      }
    }
  }

  private void run(GoldenCase golden, Backends backends, VerifyReport report) throws IOException {
    CaseResult result =
        CaseResult.of(golden, backends, comparison -> report.add(golden.name(), comparison));
    report.add(result);
    if (outputs != null) {
      result.writeOutputs(outputs);
    }
  }
}
