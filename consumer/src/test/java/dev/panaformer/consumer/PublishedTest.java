package dev.panaformer.consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/**
 * What {@code mvn install} and {@code mvn deploy} give to others. Gradle reads the same POMs, but
 * neither profiles nor properties for a platform; so POMs with neither, and each coordinate of the
 * example as a file, is what it needs.
 */
class PublishedTest {
  private static final Path REPOSITORY = Path.of(System.getProperty("panaformer.repository"));

  private static Path file(String artifact, String suffix) {
    return REPOSITORY
        .resolve("dev/panaformer")
        .resolve(artifact)
        .resolve(Command.VERSION)
        .resolve(artifact + "-" + Command.VERSION + suffix);
  }

  private static Document pom(String artifact) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(file(artifact, ".pom").toFile());
  }

  private static List<String> texts(Document pom, String path) throws Exception {
    NodeList nodes =
        (NodeList)
            XPathFactory.newInstance().newXPath().evaluate(path, pom, XPathConstants.NODESET);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      texts.add(nodes.item(i).getTextContent().strip());
    }
    return texts;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"panaformer", "panaformer-bindings", "panaformer-native", "panaformer-bom"})
  void pomsStandAlone(String artifact) throws Exception {
    assertFalse(Files.readString(file(artifact, ".pom")).contains("${"));
    Document pom = pom(artifact);
    for (String absent : List.of("parent", "profiles", "properties", "repositories", "build")) {
      assertEquals(List.of(), texts(pom, "/project/" + absent), absent);
    }
    for (String present :
        List.of(
            "name",
            "description",
            "url",
            "licenses/license/name",
            "licenses/license/url",
            "developers/developer/name",
            "scm/url",
            "scm/connection")) {
      List<String> found = texts(pom, "/project/" + present);
      assertTrue(found.size() == 1 && !found.getFirst().isEmpty(), present + " is " + found);
    }
    assertEquals(
        List.of("https://github.com/panaformer/panaformer"), texts(pom, "/project/scm/url"));
  }

  /** Nothing of a platform comes along, and nothing of tests. */
  @Test
  void theLibraryNeedsWhatItNeedsEverywhere() throws Exception {
    Document library = pom("panaformer");
    assertEquals(List.of(), texts(library, "//dependency/classifier"));
    assertEquals(List.of(), texts(library, "//dependency/optional"));
    Set<String> needed =
        new TreeSet<>(texts(library, "/project/dependencies/dependency/artifactId"));
    assertEquals(
        Set.of("panaformer-bindings", "gson", "imageio-jpeg", "imageio-tiff", "imageio-webp"),
        needed);
    assertEquals(List.of(), texts(pom("panaformer-bindings"), "//dependency"));
    assertEquals(List.of(), texts(pom("panaformer-native"), "//dependency"));
  }

  @Test
  void theBomManagesTheArtifactsAndNothingElse() throws Exception {
    Document bom = pom("panaformer-bom");
    assertEquals(
        Set.of("panaformer", "panaformer-bindings", "panaformer-native"),
        Set.copyOf(texts(bom, "//dependency/artifactId")));
    assertEquals(
        Set.of("linux-x86_64", "linux-x86_64-cuda", "linux-aarch64"),
        Set.copyOf(texts(bom, "//dependency/classifier")));
    assertEquals(Set.of(Command.VERSION), Set.copyOf(texts(bom, "//dependency/version")));
  }

  /** The dependencies of {@code examples/build.gradle.kts}, found as Gradle finds them. */
  @Test
  void gradleFindsWhatTheExampleNames() throws Exception {
    String build = Files.readString(Path.of("../examples/build.gradle.kts"));
    List<String> coordinates =
        Pattern.compile("\\b(?:implementation|runtimeOnly)\\(\"([^\"]+)\"\\)")
            .matcher(build)
            .results()
            .map((MatchResult match) -> match.group(1))
            .toList();
    assertEquals(
        List.of(
            "dev.panaformer:panaformer:" + Command.VERSION,
            "dev.panaformer:panaformer-native:" + Command.VERSION + ":linux-x86_64"),
        coordinates);
    for (String coordinate : coordinates) {
      // Group, name, version and perhaps classifier. The example is for x86-64, this machine may be
      // another.
      String[] parts = coordinate.split(":");
      String classifier = parts.length == 4 ? "-" + Command.PLATFORM : "";
      assertTrue(Files.exists(file(parts[1], ".pom")), coordinate);
      assertTrue(Files.exists(file(parts[1], classifier + ".jar")), coordinate);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"panaformer", "panaformer-bindings"})
  void sourcesAndJavadocComeAlong(String artifact) throws IOException {
    Path jar = file(artifact, ".jar");
    Set<String> exported =
        ModuleFinder.of(jar).findAll().iterator().next().descriptor().exports().stream()
            .filter(export -> !export.isQualified() || artifact.equals("panaformer-bindings"))
            .map(ModuleDescriptor.Exports::source)
            .collect(Collectors.toSet());
    try (JarFile sources = new JarFile(file(artifact, "-sources.jar").toFile());
        JarFile javadoc = new JarFile(file(artifact, "-javadoc.jar").toFile())) {
      assertNotNull(sources.getEntry("module-info.java"));
      Set<String> documented =
          javadoc.stream()
              .map(entry -> entry.getName())
              .filter(name -> name.endsWith("/package-summary.html"))
              .map(name -> name.replaceFirst("^[^/]+/(.*)/[^/]+$", "$1").replace('/', '.'))
              .collect(Collectors.toSet());
      assertEquals(exported, documented);
    }
  }

  @Test
  void everyJarHoldsTheLicenceAndIsAModule() throws IOException {
    String licence = Files.readString(Path.of("../LICENSE"));
    List<Path> jars;
    try (Stream<Path> files = Files.walk(REPOSITORY)) {
      jars =
          files
              .filter(file ->
                  file.toString().endsWith(Command.VERSION + ".jar")
                      || file.toString()
                          .matches(".*-" + Pattern.quote(Command.VERSION) + "-.*\\.jar"))
              .toList();
    }
    assertTrue(jars.size() >= 7, jars.toString());
    for (Path path : jars) {
      try (JarFile jar = new JarFile(path.toFile())) {
        assertNotNull(jar.getEntry("META-INF/LICENSE"), path.toString());
        byte[] bytes = jar.getInputStream(jar.getEntry("META-INF/LICENSE")).readAllBytes();
        assertEquals(licence, new String(bytes, java.nio.charset.StandardCharsets.UTF_8));
        if (!path.toString().matches(".*-(sources|javadoc)\\.jar")) {
          assertNotNull(jar.getEntry("module-info.class"), path.toString());
        }
      }
    }
  }
}
