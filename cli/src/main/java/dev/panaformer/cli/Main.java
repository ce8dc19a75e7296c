package dev.panaformer.cli;

import dev.panaformer.cli.command.AnswerCommand;
import dev.panaformer.cli.command.AttentionCommand;
import dev.panaformer.cli.command.BenchCommand;
import dev.panaformer.cli.command.ClassifyCommand;
import dev.panaformer.cli.command.ClassifyImageCommand;
import dev.panaformer.cli.command.CompareCommand;
import dev.panaformer.cli.command.CompletionCommand;
import dev.panaformer.cli.command.ConvertCommand;
import dev.panaformer.cli.command.DetectCommand;
import dev.panaformer.cli.command.EmbedCommand;
import dev.panaformer.cli.command.FillMaskCommand;
import dev.panaformer.cli.command.GenerateCommand;
import dev.panaformer.cli.command.InfoCommand;
import dev.panaformer.cli.command.PerplexityCommand;
import dev.panaformer.cli.command.QuantizeCommand;
import dev.panaformer.cli.command.SegmentCommand;
import dev.panaformer.cli.command.TestCommand;
import dev.panaformer.cli.command.VerifyCommand;
import dev.panaformer.cli.terminal.Failure;
import dev.panaformer.cli.terminal.PipeWriter;
import dev.panaformer.cli.terminal.UsageException;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line. Exit status: 0 done, 1 failed, 2 wrong usage; one sentence on stderr says why.
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
      CompareCommand.class,
      BenchCommand.class,
      TestCommand.class,
      CompletionCommand.class,
      HelpCommand.class
    },
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:Done.",
      "1:It failed: a file is missing or damaged, or there is not enough of something.",
      "2:Wrong usage: an argument is missing, unknown or has a wrong value."
    })
public final class Main implements Callable<Integer> {
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
    System.exit(isDecoded(args) ? run(out, err, args) : refuseEncoding(err));
  }

  /** Where the locale is not one of UTF-8, the JVM loses what its encoding does not know. */
  private static boolean isDecoded(String[] args) {
    return Charset.forName(System.getProperty("sun.jnu.encoding")).equals(StandardCharsets.UTF_8)
        || String.join("", args).chars().allMatch(c -> c < 0x80);
  }

  private static int refuseEncoding(PrintWriter err) {
    err.println(
        "panaformer: the arguments have characters beyond ASCII, and the locale's encoding is "
            + System.getProperty("sun.jnu.encoding")
            + ", expected UTF-8: set LC_ALL=C.UTF-8");
    return ExitCode.USAGE;
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
            .setParameterExceptionHandler((e, arguments) -> wrongUsage(e))
            .setExecutionExceptionHandler((e, command, parsed) ->
                e instanceof UsageException
                    ? wrongUsage(new ParameterException(command, e.getMessage(), e))
                    : failure.report(e));
    try {
      int status = commandLine.execute(args);
      out.flush();
      return status;
    } catch (RuntimeException | Error e) {
      return failure.report(e);
    }
  }

  private static int wrongUsage(ParameterException e) {
    CommandLine command = e.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("panaformer: " + e.getMessage().strip().replaceAll("\\s*\\R\\s*", " "));
    UnmatchedArgumentException.printSuggestions(e, err);
    err.println("'" + command.getCommandSpec().qualifiedName() + " --help' tells more.");
    err.flush();
    return ExitCode.USAGE;
  }

  /** Without a command. */
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }
}
