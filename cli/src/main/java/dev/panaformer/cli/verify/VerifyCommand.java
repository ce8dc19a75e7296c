package dev.panaformer.cli.verify;

import dev.panaformer.cli.Progress;
import dev.panaformer.kernel.Backend;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * Runs golden cases. Exit status: 0 all passed, 1 one failed, 2 none failed but one is unsupported.
 */
@Command(
    name = "verify",
    description = "Compare with a reference's outputs: case folders, or folders of them.")
public final class VerifyCommand implements Callable<Integer> {
  private static final int FAILED = 1;
  private static final int UNSUPPORTED = 2;

  @Spec private CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "DIR")
  private List<Path> folders;

  @Option(names = "--backend", description = "auto, native or java.")
  private Backend backend = Backend.AUTO;

  @Option(names = "--threads", paramLabel = "N", description = "Threads that compute.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Override
  public Integer call() throws IOException {
    List<GoldenCase> cases = new ArrayList<>();
    for (Path folder : folders) {
      int before = cases.size();
      find(folder, cases, 2);
      if (cases.size() == before) {
        throw new IOException(
            folder
                + ": no case there, expected a folder with meta.json and"
                + " outputs.safetensors, or of such folders");
      }
    }
    return run(cases);
  }

  private int run(List<GoldenCase> cases) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    int passed = 0;
    int failed = 0;
    int unsupported = 0;
    try (Backends backends = new Backends(backend, threads);
        Progress progress = Progress.of("Verifying", cases.size())) {
      for (GoldenCase golden : cases) {
        List<Comparison> comparisons = new ArrayList<>();
        String problem = null;
        try {
          golden.run(backends, comparisons::add);
        } catch (UnsupportedCaseException e) {
          unsupported++;
          out.println(golden.name() + "  unsupported: " + e.getMessage());
          progress.advance(1);
          continue;
        } catch (IOException | RuntimeException e) {
          problem = e.getMessage() == null ? e.toString() : e.getMessage();
        }
        for (Comparison comparison : comparisons) {
          out.println(comparison.line(golden.name()));
        }
        if (problem == null && comparisons.isEmpty()) {
          problem = "no output to compare";
        }
        if (problem != null) {
          out.println(golden.name() + "  FAIL: " + problem);
        }
        if (problem == null && comparisons.stream().allMatch(Comparison::ok)) {
          passed++;
        } else {
          failed++;
        }
        out.flush();
        progress.advance(1);
      }
    }
    out.println(
        passed
            + " passed, "
            + failed
            + " failed"
            + (unsupported > 0 ? ", " + unsupported + " unsupported" : ""));
    out.flush();
    return failed > 0 ? FAILED : unsupported > 0 ? UNSUPPORTED : 0;
  }

  /** The cases in a folder, or in the folders of it, by name. */
  private static void find(Path path, List<GoldenCase> cases, int depth) throws IOException {
    String name = path.toAbsolutePath().normalize().getFileName().toString();
    if (Files.isRegularFile(path) && name.endsWith(".safetensors")) {
      cases.add(new OperatorCase(name.substring(0, name.lastIndexOf('.')), path));
    } else if (!Files.isDirectory(path)) {
      throw new java.nio.file.NoSuchFileException(path.toString());
    } else if (Files.exists(path.resolve("outputs.safetensors"))) {
      cases.add(new ModelCase(name, path));
    } else if (Files.exists(path.resolve("expected.jsonl"))) {
      cases.add(new TokenizerCase(name, path));
    } else if (Files.exists(path.resolve("expected_ids.jsonl"))) {
      cases.add(new MiniLmCase(name, path, dev.panaformer.cli.Models.defaultFolder()));
    } else if (depth > 0) {
      List<Path> children;
      try (Stream<Path> entries = Files.list(path)) {
        children = entries.sorted().toList();
      }
      for (Path child : children) {
        boolean operator = depth > 0 && child.toString().endsWith(".safetensors");
        if (operator || Files.isDirectory(child)) {
          find(child, cases, depth - 1);
        }
      }
    }
  }
}
