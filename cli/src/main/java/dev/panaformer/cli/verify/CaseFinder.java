package dev.panaformer.cli.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Finds cases by the files that they consist of. */
final class CaseFinder {
  /** Of a collection: the folder of a kind of case, the case. */
  private static final int MAX_DEPTH = 2;

  private static final String SAFETENSORS = ".safetensors";

  private final List<GoldenCase> cases = new ArrayList<>();

  private CaseFinder() {}

  /**
   * The case that a path is, or all in that folder and those below.
   *
   * @throws IOException if there is no such path, or no case
   */
  static List<GoldenCase> find(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new NoSuchFileException(path.toString());
    }
    CaseFinder finder = new CaseFinder();
    finder.visit(path, path.toAbsolutePath().normalize().getFileName() + "", "", 0);
    if (finder.cases.isEmpty()) {
      throw new IOException(
          path
              + ": no case there; a case has inputs.safetensors and outputs.safetensors,"
              + " expected.jsonl, or embeddings.safetensors, see docs/verify.md");
    }
    return finder.cases;
  }

  /**
   * @param name for the case that {@code path} may be
   * @param prefix for the names of those below
   */
  private void visit(Path path, String name, String prefix, int depth) throws IOException {
    if (Files.isRegularFile(path)) {
      cases.add(new OperatorCase(name.replace(SAFETENSORS, ""), path));
    } else if (has(path, "inputs.safetensors")
        || has(path, "outputs.safetensors")
        || has(path, "meta.json") && has(path, "config.json")) {
      cases.add(new ModelCase(name, path));
    } else if (has(path, "expected.jsonl")) {
      cases.add(new TokenizerCase(name, path, path.resolve("expected.jsonl")));
    } else if (has(path, "expected_ids.jsonl") || has(path, "embeddings.safetensors")) {
      cases.add(new SentenceCase(name, path));
    } else if (depth <= MAX_DEPTH && !has(path, "config.json")) {
      visitChildren(path, prefix, depth);
    }
  }

  private void visitChildren(Path folder, String prefix, int depth) throws IOException {
    List<Path> children;
    try (Stream<Path> entries = Files.list(folder)) {
      children = entries.sorted().toList();
    }
    for (Path child : children) {
      String file = child.getFileName().toString();
      String name = prefix + file;
      boolean hidden = file.startsWith(".");
      if (!hidden && (Files.isDirectory(child) || file.endsWith(SAFETENSORS))) {
        visit(child, name, name + "/", depth + 1);
      }
    }
  }

  private static boolean has(Path folder, String file) {
    return Files.exists(folder.resolve(file));
  }
}
