package dev.panaformer.cli.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Finds golden cases. The files in a folder determine the kind of case. A folder of a collection
 * that contains no case is reported as unsupported by its name, not skipped.
 */
public final class CaseFinder {
  /** A collection contains a folder for each kind of case, which contains the cases. */
  private static final int MAX_DEPTH = 2;

  private static final String SAFETENSORS = ".safetensors";
  private static final String UNKNOWN = "no case of a known kind";

  private final List<GoldenCase> cases = new ArrayList<>();

  private CaseFinder() {}

  /**
   * Returns the case at a path, or all cases in that folder and the folders below it.
   *
   * @throws IOException if the path does not exist, or there is no case
   */
  public static List<GoldenCase> find(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new NoSuchFileException(path.toString());
    }
    CaseFinder finder = new CaseFinder();
    finder.visit(path, path.toAbsolutePath().normalize().getFileName() + "", "", 0);
    if (finder.cases.stream().allMatch(CaseFinder::isUnknown)) {
      throw new IOException(
          path
              + ": no case there; a case has inputs.safetensors and outputs.safetensors,"
              + " expected.jsonl, or embeddings.safetensors, see docs/verify.md");
    }
    return finder.cases;
  }

  /**
   * @param name the name of the case, if {@code path} is one
   * @param prefix the prefix of the names of cases below {@code path}
   */
  private void visit(Path path, String name, String prefix, int depth) throws IOException {
    if (Files.isRegularFile(path)) {
      cases.add(new OperatorCase(name.replace(SAFETENSORS, ""), path));
    } else if (has(path, "preprocessor_config.json") && !has(path, "config.json")) {
      cases.add(new UnsupportedCase(name, "preprocessing without a model"));
    } else if (has(path, "inputs.safetensors")
        || has(path, "outputs.safetensors")
        || has(path, "meta.json") && has(path, "config.json")) {
      cases.add(new ModelCase(name, path));
    } else if (has(path, "expected.jsonl")) {
      cases.add(
          isChat(path)
              ? new UnsupportedCase(name, "chat templates")
              : new TokenizerCase(name, path, path.resolve("expected.jsonl")));
    } else if (has(path, "expected_ids.jsonl") || has(path, "embeddings.safetensors")) {
      cases.add(new SentenceCase(name, path));
    } else if (has(path, "expected.safetensors")) {
      cases.add(new UnsupportedCase(name, "expected.json of sentence-transformers"));
    } else if (depth <= MAX_DEPTH && !has(path, "config.json")) {
      visitChildren(path, prefix, depth);
    }
  }

  /**
   * A case of a chat template has tokenizer_config.json, which contains the template, but no
   * tokenizer.
   */
  private static boolean isChat(Path path) {
    return has(path, "tokenizer_config.json")
        && !has(path, "tokenizer.json")
        && !has(path, "vocab.txt");
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
        int before = cases.size();
        visit(child, name, name + "/", depth + 1);
        if (cases.size() == before) {
          cases.add(new UnsupportedCase(name, UNKNOWN));
        }
      }
    }
  }

  private static boolean isUnknown(GoldenCase golden) {
    return golden instanceof UnsupportedCase unsupported && unsupported.what().equals(UNKNOWN);
  }

  private static boolean has(Path folder, String file) {
    return Files.exists(folder.resolve(file));
  }
}
