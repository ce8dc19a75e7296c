package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** The version is the build's, also of classes in a folder, which have no manifest. */
class VersionTest {
  @Test
  void isThatOfTheBuild() throws IOException {
    String expected = System.getProperty("panaformer.version");
    assertEquals("panaformer " + expected, new Version().getVersion()[0]);
  }
}
