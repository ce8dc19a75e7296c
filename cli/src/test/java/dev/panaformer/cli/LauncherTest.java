package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the launcher gives to the JVM. A script takes the place of java and prints it; nothing is
 * built, since the launcher's folder says that all is built already.
 */
class LauncherTest {
  @TempDir Path folder;

  @BeforeEach
  void copyTheLauncher() throws IOException {
    Files.copy(Path.of("../panaformer"), folder.resolve("panaformer"));
    executable(
        "jdk/bin/java",
        """
        for fd in 0 1 2; do echo "$fd: $(readlink /proc/$$/fd/$fd)" >> "$SEEN"; done
        echo "locale: ${LC_ALL:-${LC_CTYPE:-$LANG}}" >> "$SEEN"
        echo "arguments: ${*##*/}" >> "$SEEN"
        """);
    executable("jdk/bin/javac", "");
    executable("bin/mvn", "echo \"maven: $*\" >> \"$SEEN\"");
    Files.writeString(folder.resolve("jdk/release"), "JAVA_VERSION=\"25\"\n");
    for (String source : new String[] {"native/include", "native/src", "native/cuda", "cmake"}) {
      Files.createDirectories(folder.resolve(source));
    }
    for (String module : new String[] {"native", "bindings", "java-core", "cli"}) {
      Files.createDirectories(folder.resolve(module + "/src/main"));
      Files.createFile(folder.resolve(module + "/pom.xml"));
    }
    Files.createFile(folder.resolve("pom.xml"));
    Files.createDirectories(folder.resolve(".mvn"));
    Files.createFile(folder.resolve("native/CMakeLists.txt"));
    Files.createDirectories(folder.resolve("target"));
    Files.createFile(folder.resolve("target/cli.built"));
  }

  private void executable(String name, String script) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** What the JVM saw when the launcher was started by this line of a shell. */
  private String seen(String line) throws Exception {
    Path seen = folder.resolve("seen");
    Files.deleteIfExists(seen);
    ProcessBuilder builder = new ProcessBuilder("bash", "-c", line).directory(folder.toFile());
    builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
    builder.environment().put("PATH", folder.resolve("bin") + ":" + System.getenv("PATH"));
    builder.environment().put("SEEN", seen.toString());
    builder.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.equals("LANG"));
    builder.redirectErrorStream(true).redirectOutput(folder.resolve("said").toFile());
    Process launcher = builder.start();
    assertTrue(launcher.waitFor(1, TimeUnit.MINUTES));
    assertTrue(Files.exists(seen), () -> "java was not started: " + folder.resolve("said"));
    return Files.readString(seen);
  }

  /** The JVM would open the next file as stdin, read from it and close it, and crash. */
  @Test
  void closedDescriptorsAreNotThoseOfOtherFiles() throws Exception {
    String stdin = seen("./panaformer embed <&-");
    assertTrue(stdin.contains("0: /dev/null\n"), stdin);
    String stdout = seen("./panaformer embed >&-");
    assertTrue(stdout.contains("1: /dev/null\n"), stdout);
    String stderr = seen("./panaformer embed 2>&-"); // there bash keeps the script open
    assertTrue(stderr.matches("(?s).*2: (/dev/null|\\S*/panaformer)\n.*"), stderr);
    String all = seen("./panaformer embed <&- >&- 2>&-");
    assertTrue(all.startsWith("0: /dev/null\n1: /dev/null\n2: /"), all);
    String open = seen("echo a | ./panaformer embed > out 2> err");
    assertTrue(open.contains("0: pipe:"), open);
    assertTrue(open.contains("1: " + folder.toRealPath().resolve("out")), open);
    assertTrue(open.contains("2: " + folder.toRealPath().resolve("err")), open);
  }

  /** A full device is told from a closed stdout, but neither may look like success. */
  @Test
  void writingToAClosedStdoutFails() throws Exception {
    executable("jdk/bin/java", "echo x && echo written > \"$SEEN\" || echo failed > \"$SEEN\"");
    assertEquals("failed\n", seen("./panaformer embed >&-"));
    assertEquals("written\n", seen("./panaformer embed > out"));
  }

  @Test
  void argumentsAreUtf8WhateverTheLocale() throws Exception {
    for (String locale : new String[] {"", "LC_ALL=C ", "LANG=POSIX ", "LC_CTYPE=de_DE@euro "}) {
      String seen = seen(locale + "./panaformer embed \u4e16\u754c");
      assertTrue(seen.contains("locale: C.UTF-8\n"), locale + seen);
      assertTrue(seen.contains("\u4e16\u754c"), seen);
    }
    assertTrue(seen("LANG=de_DE.UTF-8 ./panaformer embed a").contains("locale: de_DE.UTF-8\n"));
    assertTrue(seen("LC_ALL=en_US.utf8 ./panaformer embed a").contains("locale: en_US.utf8\n"));
  }

  @Test
  void helpOfBenchAndTestBuildsNeither() throws Exception {
    for (String command : new String[] {"bench", "test", "bench decode"}) {
      String seen = seen("./panaformer " + command + " --help");
      assertTrue(seen.contains("Main " + command + " --help"), seen);
      assertTrue(!seen.contains("maven:"), seen);
    }
  }
}
