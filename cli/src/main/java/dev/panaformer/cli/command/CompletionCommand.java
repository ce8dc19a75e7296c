package dev.panaformer.cli.command;

import dev.panaformer.cli.terminal.UsageException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints a script by which a shell completes commands and options. */
@Command(
    name = "completion",
    description = {
      "Print a script by which a shell completes commands, options and file names.",
      "In ~/.bashrc or, after compinit, in ~/.zshrc: source <(panaformer completion bash)"
    })
public final class CompletionCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "SHELL", description = "bash or zsh.")
  private String shell;

  @Override
  public Integer call() {
    if (!shell.equals("bash") && !shell.equals("zsh")) {
      throw new UsageException("SHELL is " + shell + ", expected bash or zsh");
    }
    CommandLine root = spec.root().commandLine();
    PrintWriter out = root.getOut();
    // The script is for bash. Zsh runs it too, and its first lines prepare zsh for that.
    out.print(AutoComplete.bash(root.getCommandName(), root));
    out.flush();
    return 0;
  }
}
