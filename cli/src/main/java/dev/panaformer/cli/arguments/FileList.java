package dev.panaformer.cli.arguments;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Files that are named on the command line. The command opens them itself. */
final class FileList implements InputSource<Path> {
  private final Deque<Path> files;

  FileList(List<Path> files) {
    this.files = new ArrayDeque<>(files);
  }

  @Override
  public long remaining() {
    return files.size();
  }

  @Override
  public List<Path> next(int limit) {
    List<Path> next = new ArrayList<>();
    while (next.size() < limit && !files.isEmpty()) {
      next.add(files.remove());
    }
    return next;
  }

  @Override
  public void close() {}
}
