package dev.panaformer.bench.compare;

import java.util.Arrays;

/** Parses the arguments of benchmarks that are numbers of threads. */
final class ThreadArguments {
  private ThreadArguments() {}

  /** The numbers of threads; 1 and 2 without arguments. An invalid argument ends the JVM. */
  static int[] parse(String... arguments) {
    for (String argument : arguments) {
      if (!argument.matches("[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-6]")) {
        refuse("what is " + argument + "? Numbers of threads are 1 to 256\n");
      }
    }
    return arguments.length == 0
        ? new int[] {1, 2}
        : Arrays.stream(arguments).mapToInt(Integer::parseInt).toArray();
  }

  /** Prints a message and ends the JVM, as the command line does. */
  static void refuse(String why) {
    System.err.print("panaformer: " + why);
    System.exit(2);
  }
}
