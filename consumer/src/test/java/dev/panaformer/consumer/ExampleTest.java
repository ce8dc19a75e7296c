package dev.panaformer.consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The project of {@code examples/} as its README builds and runs it. Maven starts with an empty
 * local repository and without a network: it takes the library from the folder to which this build
 * has deployed, and everything else from what this build itself has downloaded.
 */
class ExampleTest {
  private static final String ACCESS = "--enable-native-access=";

  @TempDir static Path folder;

  private static Path target;
  private static Path models;

  @BeforeAll
  static void build() throws Exception {
    models = Models.write(folder.resolve("models"));
    Path project = folder.resolve("example");
    copy(Path.of("../examples"), project);
    Path settings = Files.writeString(folder.resolve("settings.xml"), settings());
    Command.run(
            project,
            Map.of(
                "JAVA_HOME",
                Command.jdk().toString(),
                "MAVEN_OPTS",
                "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"),
            List.of(
                Command.tool(Path.of(System.getProperty("maven.home")), "mvn").toString(),
                "-B",
                "-ntp",
                "--settings",
                settings.toString(),
                "-Dmaven.repo.local=" + folder.resolve("empty"),
                "-Dpanaformer.platform=" + Command.PLATFORM,
                "package"))
        .succeeded();
    target = project.resolve("target");
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.filter(f -> !f.startsWith(from.resolve("target"))).toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    }
  }

  /** Two repositories in folders. The first has the id of Maven Central, which it replaces. */
  private static String settings() {
    String plugins = repository("pluginRepository", "central", "maven.local.repository");
    return """
    <settings>
      <profiles>
        <profile>
          <id>folders</id>
          <repositories>%s%s</repositories>
          <pluginRepositories>%s</pluginRepositories>
        </profile>
      </profiles>
      <activeProfiles>
        <activeProfile>folders</activeProfile>
      </activeProfiles>
    </settings>
    """
        .formatted(
            repository("repository", "central", "maven.local.repository"),
            repository("repository", "consumer", "panaformer.repository"),
            plugins);
  }

  private static String repository(String element, String id, String property) {
    return "<%1$s><id>%2$s</id><url>%3$s</url></%1$s>"
        .formatted(element, id, Path.of(System.getProperty(property)).toUri());
  }

  private static String jar() {
    return target.resolve("example.jar") + File.pathSeparator + target.resolve("lib");
  }

  private List<String> texts() {
    return List.of(models.resolve("bert-model").toString(), "i love you", "i love you");
  }

  private static void assertSimilar(Command.Result result) {
    assertEquals("cosine similarity 1.000", result.succeeded().output().lines().toList().getLast());
  }

  /** What comes along at run time, of both tools: a POM with nothing to evaluate has one answer. */
  @Test
  void whatComesAlongIsKnown() throws IOException {
    try (Stream<Path> jars = Files.list(target.resolve("lib"))) {
      assertEquals(
          Set.of(
              "panaformer",
              "panaformer-bindings",
              "panaformer-native",
              "gson",
              "error_prone_annotations",
              "imageio-core",
              "imageio-jpeg",
              "imageio-metadata",
              "imageio-tiff",
              "imageio-webp",
              "common-image",
              "common-io",
              "common-lang"),
          jars.map(jar -> jar.getFileName().toString().replaceFirst("-\\d.*", ""))
              .collect(Collectors.toSet()));
    }
  }

  @Test
  void onTheClassPath() throws Exception {
    assertSimilar(
        Command.java(
            List.of(ACCESS + "ALL-UNNAMED", "-cp", jar() + "/*", "example.Similarity"), texts()));
  }

  @Test
  void onTheModulePath() throws Exception {
    assertSimilar(
        Command.java(
            List.of(ACCESS + Command.MODULES, "-p", jar(), "-m", "example/example.Similarity"),
            texts()));
    String labels =
        Command.java(
                List.of(ACCESS + Command.MODULES, "-p", jar(), "-m", "example/example.Classify"),
                List.of(models.resolve("vit-small").toString(), Models.webp(folder).toString()))
            .succeeded()
            .output();
    assertTrue(labels.contains(" %  LABEL_"), labels);
  }
}
