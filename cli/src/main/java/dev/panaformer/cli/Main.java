package dev.panaformer.cli;

import dev.panaformer.cli.command.AnswerCommand;
import dev.panaformer.cli.command.AttentionCommand;
import dev.panaformer.cli.command.ClassifyCommand;
import dev.panaformer.cli.command.ClassifyImageCommand;
import dev.panaformer.cli.command.CompareCommand;
import dev.panaformer.cli.command.ConvertCommand;
import dev.panaformer.cli.command.DetectCommand;
import dev.panaformer.cli.command.EmbedCommand;
import dev.panaformer.cli.command.FillMaskCommand;
import dev.panaformer.cli.command.GenerateCommand;
import dev.panaformer.cli.command.InfoCommand;
import dev.panaformer.cli.command.PerplexityCommand;
import dev.panaformer.cli.command.QuantizeCommand;
import dev.panaformer.cli.command.SegmentCommand;
import dev.panaformer.cli.command.VerifyCommand;
import dev.panaformer.cli.terminal.Failure;
import dev.panaformer.cli.terminal.PipeWriter;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/**
 * The command line. Exit status: 0 done, 1 failed (one sentence on stderr says why), 2 wrong usage.
 */
@Command(
    name = "panaformer",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Transformers on the JVM over fused native kernels.",
    scope = ScopeType.INHERIT,
    subcommands = {
      EmbedCommand.class,
      ClassifyCommand.class,
      ClassifyImageCommand.class,
      DetectCommand.class,
      SegmentCommand.class,
      FillMaskCommand.class,
      AnswerCommand.class,
      InfoCommand.class,
      GenerateCommand.class,
      PerplexityCommand.class,
      AttentionCommand.class,
      VerifyCommand.class,
      ConvertCommand.class,
      QuantizeCommand.class,
      CompareCommand.class
    })
public final class Main implements Runnable {
  private static final String LOG_FORMAT = "java.util.logging.SimpleFormatter.format";

  @Spec private CommandSpec spec;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Print a stack trace with an error.")
  private boolean verbose;

  private Main() {}

  /** Runs one command and exits with its status. */
  public static void main(String[] args) {
    // All input and output is UTF-8, whatever the locale is.
    OutputStream stdout =
        new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16);
    OutputStream stderr = new FileOutputStream(FileDescriptor.err);
    PrintWriter out = new PrintWriter(new PipeWriter(stdout), false);
    PrintWriter err = new PrintWriter(stderr, true, StandardCharsets.UTF_8);
    // Warnings of the library are one line each on stderr.
    if (System.getProperty(LOG_FORMAT) == null) {
      System.setProperty(LOG_FORMAT, "panaformer: %5$s%6$s%n");
    }
    System.exit(run(out, err, args));
  }

  /**
   * Runs one command with these streams in place of the process's own and returns the exit status.
   */
  static int run(PrintWriter out, PrintWriter err, String... args) {
    Main main = new Main();
    Failure failure = new Failure(err);
    CommandLine commandLine =
        new CommandLine(main)
            .setOut(out)
            .setErr(err)
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setExecutionStrategy(parsed -> {
              failure.setVerbose(main.verbose);
              return new CommandLine.RunLast().execute(parsed);
            })
            .setExecutionExceptionHandler((e, command, parsed) -> failure.report(e));
    try {
      int status = commandLine.execute(args);
      out.flush();
      return status;
    } catch (RuntimeException | Error e) {
      return failure.report(e);
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command");
  }
}
