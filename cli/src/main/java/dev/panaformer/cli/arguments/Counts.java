package dev.panaformer.cli.arguments;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Checks options that are numbers of things. */
public final class Counts {
  private Counts() {}

  /**
   * @throws ParameterException naming the option, which is wrong usage
   */
  public static void requirePositive(CommandSpec spec, String option, int value) {
    if (value < 1) {
      throw new ParameterException(
          spec.commandLine(), option + " is " + value + ", expected at least 1");
    }
  }
}
