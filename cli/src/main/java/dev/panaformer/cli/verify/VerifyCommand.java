package dev.panaformer.cli.verify;

import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.cli.ComputeArguments;
import dev.panaformer.cli.Failure;
import dev.panaformer.cli.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
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

  private int passed;
  private int failed;
  private int unsupported;

  @Override
  public Integer call() throws IOException {
    List<GoldenCase> cases = new ArrayList<>();
    for (Path folder : folders) {
      cases.addAll(CaseFinder.find(folder));
    }
    int width = cases.stream().mapToInt(golden -> golden.name().length()).max().getAsInt();
    PrintWriter out = spec.commandLine().getOut();
    try (Backends backends = Backends.open(compute.options());
        Progress progress = Progress.printing("Verifying", cases.size())) {
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

  private void run(GoldenCase golden, Backends backends, PrintWriter out, int width) {
    List<Comparison> outputs = new ArrayList<>();
    String label = String.format("%-" + width + "s", golden.name());
    try {
      golden.run(
          backends,
          comparison -> {
            outputs.add(comparison);
            out.println(comparison.line(golden.name(), width));
          });
      if (outputs.isEmpty()) {
        throw new IOException("nothing to compare");
      }
    } catch (UnsupportedCaseException | UnsupportedModelException e) {
      // Whatever was wrong before it was noticed stays wrong.
      if (outputs.stream().allMatch(Comparison::ok)) {
        unsupported++;
        out.println(label + "  unsupported: " + Failure.sentence(e));
        return;
      }
    } catch (IOException | RuntimeException e) {
      failed++;
      out.println(label + "  FAIL: " + Failure.sentence(e));
      return;
    }
    if (outputs.stream().allMatch(Comparison::ok)) {
      passed++;
    } else {
      failed++;
    }
  }
}
