package dev.panaformer.bench.compare;

import dev.panaformer.bench.model.MiniLmFolder;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Measures the time from the start of a process to its first embedding, and its peak of resident
 * memory. Each side has its own processes, which run alternately, with the files in the page cache
 * and the same JVM options.
 */
public final class Startup {
  private static final int DEFAULT_RUNS = 7;

  /**
   * @param seconds the time from the start to the first embedding
   * @param mebibytes the peak of resident memory
   * @param firstElement the first element of the embedding
   */
  private record Run(double seconds, double mebibytes, float firstElement) {}

  private Startup() {}

  /** Argument: the number of runs of each side, 7 by default. Linux only. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    int runs = arguments.length == 0 ? DEFAULT_RUNS : Integer.parseInt(arguments[0]);
    Path folder = MiniLmFolder.extract();
    MiniLmFolder.convert(folder);
    List<Run> ours = new ArrayList<>();
    List<Run> peers = new ArrayList<>();
    // The first run of each side unpacks native libraries and fills the page cache.
    requireSame(run(FirstEmbedding.PANAFORMER, folder), run(FirstEmbedding.ONNX_RUNTIME, folder));
    for (int i = 0; i < runs; i++) {
      ours.add(run(FirstEmbedding.PANAFORMER, folder));
      peers.add(run(FirstEmbedding.ONNX_RUNTIME, folder));
    }
    System.out.println("medians of " + runs + "     first embedding   peak resident memory");
    row("Panaformer", ours);
    row("ONNX Runtime", peers);
  }

  private static void row(String name, List<Run> runs) {
    System.out.printf(
        Locale.ROOT,
        "%-16s %14.2f s %18.0f MiB%n",
        name,
        Rounds.median(runs.stream().mapToDouble(Run::seconds).toArray()),
        Rounds.median(runs.stream().mapToDouble(Run::mebibytes).toArray()));
  }

  private static void requireSame(Run a, Run b) {
    if (Math.abs(a.firstElement() - b.firstElement()) > 1e-4) {
      throw new IllegalStateException(
          "the embeddings differ: " + a.firstElement() + ", " + b.firstElement());
    }
  }

  private static Run run(String side, Path folder) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            FirstEmbedding.class.getName(),
            side,
            folder.toString());
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    long begin = System.nanoTime();
    Process process = builder.start();
    try (BufferedReader output = process.inputReader()) {
      String ready = output.readLine();
      double seconds = (System.nanoTime() - begin) * 1e-9;
      String peak = output.readLine();
      if (process.waitFor() != 0 || !FirstEmbedding.READY.equals(ready) || peak == null) {
        throw new IOException(side + " ended with status " + process.waitFor() + " after " + ready);
      }
      int space = peak.indexOf(' ');
      return new Run(
          seconds,
          Long.parseLong(peak.substring(0, space)) / 1024.0,
          Float.parseFloat(peak.substring(space + 1)));
    }
  }
}
