package dev.panaformer.cli.arguments;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The texts that a command works on: its arguments, then the lines of files or of stdin. */
public final class TextArguments {
  private static final String STDIN = "-";

  @Parameters(
      arity = "0..*",
      paramLabel = "TEXT",
      description = "The texts. '-', or nothing at all, reads them from stdin, one a line.")
  private List<String> texts = new ArrayList<>();

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = "Read texts from this UTF-8 file, one a line. May be repeated.")
  private List<String> files = new ArrayList<>();

  /** The texts as they come. Files are opened here, so that a wrong name is known at once. */
  public TextReader<String> open() throws IOException {
    return open(Function.identity());
  }

  /**
   * The inputs as they come. Files are opened here, so that a wrong name is known at once.
   *
   * @param parser what a line means; see {@link TextReader}
   */
  public <T> TextReader<T> open(Function<String, T> parser) throws IOException {
    List<String> given = new ArrayList<>(texts);
    boolean stdin = given.removeIf(STDIN::equals);
    stdin |= given.isEmpty() && files.isEmpty();
    TextReader<T> reader = new TextReader<>(given, parser);
    try {
      for (String file : files) {
        if (file.equals(STDIN)) {
          stdin = true;
        } else {
          reader.addFile(Path.of(file));
        }
      }
      if (stdin) {
        reader.addStdin();
      }
      return reader;
    } catch (IOException | RuntimeException e) {
      reader.close();
      throw e;
    }
  }
}
