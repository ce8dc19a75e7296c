package dev.panaformer.cli.command;

import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.terminal.Progress;
import dev.panaformer.cli.verify.Backends;
import dev.panaformer.cli.verify.CaseFinder;
import dev.panaformer.cli.verify.CaseResult;
import dev.panaformer.cli.verify.GoldenCase;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

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

  @Spec private CommandSpec spec;
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

  private int passed;
  private int failed;
  private int unsupported;

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
    PrintWriter out = spec.commandLine().getOut();
    try (Backends backends = Backends.open(compute.options());
        Progress progress = Progress.printing("Verifying", cases.size())) {
      spec.commandLine().getErr().println("panaformer: computing with " + backends.description());
      for (GoldenCase golden : cases) {
        run(golden, backends, out, width);
        out.flush();
        progress.advance(1);
      }
    }
    out.printf("%d passed, %d failed", passed, failed);
    out.println(unsupported > 0 ? ", " + unsupported + " unsupported" : "");
    return failed > 0 ? FAILED : unsupported > 0 ? UNSUPPORTED : PASSED;
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

  private void run(GoldenCase golden, Backends backends, PrintWriter out, int width)
      throws IOException {
    CaseResult result =
        CaseResult.of(
            golden, backends, comparison -> out.println(comparison.line(golden.name(), width)));
    String label = String.format("%-" + width + "s", golden.name());
    switch (result.status()) {
      case PASSED -> passed++;
      case FAILED -> failed++;
      case UNSUPPORTED -> unsupported++;
    }
    if (!result.reason().isEmpty()) {
      boolean wrong = result.status() == CaseResult.Status.FAILED;
      out.println(label + (wrong ? "  FAIL: " : "  unsupported: ") + result.reason());
    }
    if (outputs != null) {
      result.writeOutputs(outputs);
    }
  }
}
