package dev.panaformer.cli.command;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Describes what the launcher does under this name. */
@Command(
    name = "test",
    description = {
      "Build everything in a clone of the sources and run every test, native and Java.",
      "It computes for about an hour."
    })
public final class TestCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..*",
      paramLabel = "OPTION",
      description = "Options of Maven, for instance -DskipSanitizers or -Dtest=CommandsTest.")
  private List<String> options;

  @Override
  public Integer call() {
    throw new IllegalStateException(
        "tests are not part of this jar: run ./panaformer test in a clone of the sources");
  }
}
