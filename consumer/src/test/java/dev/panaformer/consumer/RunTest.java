package dev.panaformer.consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.panaformer.consumer.Command.Result;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The program of this module in JVMs of its own: on both paths, with denied access, in an image.
 */
class RunTest {
  private static final String MAIN = "dev.panaformer.consumer.Main";
  private static final String MODULE = "dev.panaformer.consumer/" + MAIN;

  @TempDir static Path folder;

  private static Path models;
  private static Path webp;

  enum PathKind {
    MODULE_PATH(List.of("-p", Command.MODULE_PATH, "-m", MODULE), Command.MODULES),
    CLASS_PATH(List.of("-cp", Command.CLASS_PATH, MAIN), "ALL-UNNAMED");

    final List<String> program;
    final String modules;

    PathKind(List<String> program, String modules) {
      this.program = program;
      this.modules = modules;
    }

    /** The options of the JVM, of which those for the program must be the last. */
    List<String> options(String... first) {
      return Stream.concat(Stream.of(first), program.stream()).toList();
    }
  }

  @BeforeAll
  static void write() throws IOException {
    models = Models.write(folder.resolve("models"));
    webp = Models.webp(folder);
  }

  private static List<String> arguments(String... tasks) {
    List<String> arguments = new ArrayList<>(List.of(models.toString(), webp.toString()));
    arguments.addAll(List.of(tasks));
    return arguments;
  }

  private static void assertHas(String output, String... lines) {
    for (String line : lines) {
      assertTrue(output.contains(line), () -> "\"" + line + "\" is not in: " + output);
    }
  }

  /**
   * Everything, with native access for exactly the modules that the message names. The JVM says
   * nothing then, not even a warning.
   */
  @ParameterizedTest
  @EnumSource
  void everythingRunsWithTheAccessThatTheMessageNames(PathKind path) throws Exception {
    List<String> options = new ArrayList<>(List.of("--enable-native-access=" + path.modules));
    if (Runtime.version().feature() >= 24) {
      options.add("--illegal-native-access=deny");
    }
    String output =
        Command.java(
                path.options(options.toArray(String[]::new)),
                arguments("classes", "texts", "generation", "images"))
            .succeeded()
            .output();
    assertHas(
        output,
        " of 6 packages",
        "embed: 64 numbers, native",
        "classify: 5 labels",
        "entities: [",
        "fill: 3 guesses",
        "answer: Answer",
        "generate: ",
        "translate: ",
        "image: 1 pixels wide",
        "classify-image: 2 labels",
        "embed-image: 8 numbers",
        "detect: ",
        "segment: 1 pixels wide");
    assertFalse(output.contains("WARNING"), output);
    int classes = Integer.parseInt(output.replaceAll("(?s)^classes: (\\d+) of .*", "$1"));
    assertTrue(classes > 60, output);
  }

  /** Denied access is told with the option to add, whatever the backend, and is no fallback. */
  @ParameterizedTest
  @EnumSource
  void deniedAccessIsToldWithTheOptionToAdd(PathKind path) throws Exception {
    assumeTrue(Runtime.version().feature() >= 24, "older JDKs deny only beside a granted module");
    for (String task : List.of("texts", "generation", "images")) {
      Result result = Command.java(path.options("--illegal-native-access=deny"), arguments(task));
      assertNotEquals(0, result.status(), result.output());
      assertHas(
          result.output(),
          "Exception in thread \"main\" dev.panaformer.BackendException: Native access is denied",
          "start java with --enable-native-access=" + path.modules + System.lineSeparator());
      assertFalse(result.output().contains("plain Java"), result.output());
      assertFalse(result.output().contains("ExceptionInInitializerError"), result.output());
    }
  }

  /** One module alone is not enough: the bindings load the library. */
  @Test
  void accessForOneModuleIsNoReasonToComputeInPlainJava() throws Exception {
    assumeTrue(Runtime.version().feature() >= 24, "the option is new in JDK 24");
    Result result =
        Command.java(
            PathKind.MODULE_PATH.options(
                "--enable-native-access=dev.panaformer", "--illegal-native-access=deny"),
            arguments("images"));
    assertNotEquals(0, result.status(), result.output());
    assertHas(result.output(), "BackendException: Native access is denied", Command.MODULES);
    assertFalse(result.output().contains("plain Java"), result.output());
  }

  /** Without the readers of images, a file in their format is refused by name. */
  @Test
  void aMissingReaderOfImagesIsNamed() throws Exception {
    Result result =
        Command.java(
            List.of("-p", jars(false), "--enable-native-access=" + Command.MODULES, "-m", MODULE),
            arguments("images"));
    assertNotEquals(0, result.status(), result.output());
    assertHas(
        result.output(),
        "pixel.webp: the reader of WebP files is missing, add"
            + " com.twelvemonkeys.imageio:imageio-webp to the class path or module path");
  }

  /** The jars of the readers of images, or all others. */
  private static String jars(boolean readers) throws IOException {
    try (Stream<Path> lib = Files.list(Command.TARGET.resolve("lib"))) {
      Stream<Path> program =
          readers ? Stream.empty() : Stream.of(Command.TARGET.resolve("consumer.jar"));
      return Stream.concat(program, lib.filter(jar -> isReader(jar) == readers))
          .map(Path::toString)
          .collect(Collectors.joining(File.pathSeparator));
    }
  }

  private static boolean isReader(Path jar) {
    return jar.getFileName().toString().matches("(imageio|common)-.*");
  }

  /** An image holds the modules of the program and the native library; readers come beside it. */
  @Test
  void aRunTimeImageComputes() throws Exception {
    Path image = folder.resolve("image");
    Command.run(
            folder,
            Map.of(),
            List.of(
                Command.tool(Command.jdk(), "jlink").toString(),
                "--module-path",
                Command.MODULE_PATH,
                "--add-modules",
                "dev.panaformer.consumer,dev.panaformer.natives."
                    + Command.PLATFORM.replace('-', '.'),
                "--output",
                image.toString()))
        .succeeded();
    String access = "--enable-native-access=" + Command.MODULES;
    String output =
        Command.java(
                image, List.of(access, "-m", MODULE), arguments("classes", "texts", "generation"))
            .succeeded()
            .output();
    assertHas(output, " of 6 packages", "embed: 64 numbers, native", "generate: ");

    Result withoutReader = Command.java(image, List.of(access, "-m", MODULE), arguments("images"));
    assertEquals(1, withoutReader.status(), withoutReader.output());
    assertHas(withoutReader.output(), "the reader of WebP files is missing");

    for (String option : List.of("-p", "-cp")) {
      String images =
          Command.java(
                  image, List.of(access, option, jars(true), "-m", MODULE), arguments("images"))
              .succeeded()
              .output();
      assertHas(images, "image: 1 pixels wide");
    }
  }
}
