package dev.panaformer.consumer;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs programs, and knows where the build has put the jars. */
final class Command {
  static final Path TARGET = Path.of("target").toAbsolutePath();
  static final String PLATFORM = System.getProperty("panaformer.platform");
  static final String VERSION = System.getProperty("panaformer.version");

  /** The modules that the message about denied access names. */
  static final String MODULES = "dev.panaformer,dev.panaformer.bindings";

  static final String MODULE_PATH =
      TARGET.resolve("consumer.jar") + File.pathSeparator + TARGET.resolve("lib");
  static final String CLASS_PATH =
      TARGET.resolve("consumer.jar") + File.pathSeparator + TARGET.resolve("lib") + "/*";

  private static final int MINUTES = 5;

  /**
   * What a program did.
   *
   * @param output what it wrote to stdout and stderr
   */
  record Result(int status, String output) {
    Result succeeded() {
      if (status != 0) {
        throw new AssertionError("status " + status + System.lineSeparator() + output);
      }
      return this;
    }
  }

  private Command() {}

  static Path tool(Path home, String name) {
    return home.resolve("bin").resolve(name);
  }

  static Path jdk() {
    return Path.of(System.getProperty("java.home"));
  }

  static Result java(List<String> options, List<String> arguments) throws Exception {
    return java(jdk(), options, arguments);
  }

  /**
   * Runs java of a JDK or of a run-time image.
   *
   * @param options those of the JVM, and what to run
   */
  static Result java(Path home, List<String> options, List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(tool(home, "java").toString());
    command.add("-XX:+UseSerialGC");
    command.add("-XX:TieredStopAtLevel=1");
    command.add("-Dpanaformer.cache=" + TARGET.resolve("cache"));
    command.addAll(options);
    command.addAll(arguments);
    return run(Path.of("").toAbsolutePath(), Map.of(), command);
  }

  static Result run(Path folder, Map<String, String> environment, List<String> command)
      throws IOException, InterruptedException {
    Path output = Files.createTempFile(TARGET, "output", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
            .redirectOutput(output.toFile());
    builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "MAVEN_OPTS"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    try {
      if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
        throw new AssertionError("hangs: " + command + Files.readString(output));
      }
      return new Result(process.exitValue(), Files.readString(output));
    } finally {
      process.destroyForcibly();
      Files.delete(output);
    }
  }
}
