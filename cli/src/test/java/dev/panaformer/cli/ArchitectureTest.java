package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Programs on top of the library use what it exports, as users do; exceptions are named here. */
class ArchitectureTest {
  private static final String LIBRARY = "dev.panaformer.";
  private static final String CLI = "dev.panaformer.cli";

  /** Runs models layer by layer, which is no task of users. */
  private static final String VERIFY = "dev.panaformer.cli.verify";

  /** Commands that ask which kind of model a folder holds, or look into its weights. */
  private static final Set<String> INSIDE =
      Set.of(
          "dev.panaformer.cli.command.ClassifyCommand",
          "dev.panaformer.cli.command.CompareCommand",
          "dev.panaformer.cli.command.GenerateCommand",
          "dev.panaformer.cli.command.InfoCommand");

  private static JavaClasses classes;

  @BeforeAll
  static void read() {
    classes =
        new ClassFileImporter()
            .importUrl(Main.class.getProtectionDomain().getCodeSource().getLocation());
    assertTrue(classes.contain(Main.class), "the classes of the command line were not found");
  }

  private static Set<String> exported() throws IOException {
    String module = Files.readString(Path.of("../java-core/src/main/java/module-info.java"));
    return Pattern.compile("exports ([\\w.]+);")
        .matcher(module)
        .results()
        .map(match -> match.group(1))
        .collect(Collectors.toSet());
  }

  @Test
  void onlyWhatIsExportedIsUsed() throws IOException {
    Set<String> exported = exported();
    assertFalse(exported.isEmpty());
    Set<String> violations = new TreeSet<>();
    Set<String> needed = new TreeSet<>();
    for (JavaClass type : classes) {
      if (type.getPackageName().startsWith(VERIFY)) {
        continue;
      }
      for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
        String used = dependency.getTargetClass().getBaseComponentType().getPackageName();
        boolean inside =
            (used + ".").startsWith(LIBRARY) && !used.startsWith(CLI) && !exported.contains(used);
        if (inside) {
          String outer = type.getName().replaceFirst("\\$.*", "");
          needed.add(outer);
          if (!INSIDE.contains(outer)) {
            violations.add(dependency.getDescription());
          }
        }
      }
    }
    assertTrue(violations.isEmpty(), () -> String.join(System.lineSeparator(), violations));
    assertTrue(needed.equals(INSIDE), () -> "exceptions that are needed: " + needed);
  }

  @Test
  void packagesHaveNoCycles() {
    SlicesRuleDefinition.slices()
        .matching("dev.panaformer.cli.(*)..")
        .should()
        .beFreeOfCycles()
        .check(classes);
  }
}
