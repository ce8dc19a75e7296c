package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The packages import what their package-info says, and the API shows what it should. */
class ArchitectureTest {
  private static final String ROOT = "dev.panaformer";

  /** What a family of kernels may import, besides other families. */
  private static final Set<String> FAMILY =
      Set.of("kernel.engine", "kernel.memory", "tensor", "bindings");

  /** What a component of tokenizers may import. */
  private static final Set<String> TOKENIZER_COMPONENT =
      Set.of("tokenizer.pattern", "tokenizer.text", "checkpoint");

  /**
   * What each package may import, besides itself and its own sub-packages. Arrows go down only. A
   * package that is not named here has the row of the package that it is in.
   */
  private static final Map<String, Set<String>> MAY_IMPORT =
      Map.ofEntries(
          Map.entry("tensor", Set.of()),
          Map.entry("checkpoint", Set.of("tensor")),
          Map.entry("tokenizer", Set.of("checkpoint")),
          Map.entry("tokenizer.text", Set.of()),
          Map.entry("tokenizer.pattern", Set.of("tokenizer.text", "checkpoint")),
          Map.entry("tokenizer.normalize", TOKENIZER_COMPONENT),
          Map.entry("tokenizer.split", TOKENIZER_COMPONENT),
          Map.entry("tokenizer.decode", TOKENIZER_COMPONENT),
          Map.entry("tokenizer.vocabulary", Set.of("tokenizer.text", "checkpoint")),
          Map.entry(
              "tokenizer.model", Set.of("tokenizer.vocabulary", "tokenizer.text", "checkpoint")),
          Map.entry("tokenizer.template", Set.of("tokenizer.text", "checkpoint")),
          Map.entry(
              "tokenizer.file",
              Set.of(
                  "tokenizer.normalize",
                  "tokenizer.split",
                  "tokenizer.model",
                  "tokenizer.template",
                  "tokenizer.decode",
                  "tokenizer.vocabulary",
                  "tokenizer.text",
                  "checkpoint")),
          Map.entry("threads", Set.of()),
          Map.entry("image", Set.of("threads")),
          Map.entry("image.preprocessing", Set.of("image", "checkpoint")),
          Map.entry("objective", Set.of()),
          Map.entry("kernel", Set.of("tensor", "bindings")),
          Map.entry("kernel.memory", Set.of("tensor", "bindings")),
          Map.entry("kernel.engine", Set.of("kernel.memory", "bindings")),
          Map.entry("kernel.linear", FAMILY),
          Map.entry("kernel.attention", FAMILY),
          Map.entry("kernel.norm", FAMILY),
          Map.entry("kernel.image", with(FAMILY, "kernel.linear")),
          Map.entry("kernel.embedding", with(FAMILY, "kernel.linear", "kernel.norm")),
          Map.entry("kernel.decoding", with(FAMILY, "kernel.linear", "kernel.attention")),
          Map.entry("nn", Set.of("kernel")),
          Map.entry("nn.weights", Set.of("nn", "kernel", "checkpoint", "tensor")),
          Map.entry(
              "model",
              Set.of("nn", "kernel", "image", "image.preprocessing", "checkpoint", "tensor")),
          Map.entry("generate", Set.of()),
          Map.entry("generate.text", Set.of()),
          Map.entry("generate.sampling", Set.of("generate")),
          Map.entry(
              "generate.schedule",
              Set.of("generate", "generate.sampling", "generate.text", "threads")),
          Map.entry(
              "runtime",
              Set.of(
                  "generate",
                  "image",
                  "model",
                  "nn",
                  "kernel",
                  "tokenizer",
                  "checkpoint",
                  "tensor",
                  "threads")),
          Map.entry(
              "",
              Set.of(
                  "runtime",
                  "generate",
                  "image",
                  "objective",
                  "model",
                  "nn",
                  "kernel",
                  "tokenizer",
                  "checkpoint",
                  "tensor",
                  "threads")));

  private static Set<String> with(Set<String> some, String... more) {
    return Stream.concat(some.stream(), Stream.of(more)).collect(Collectors.toSet());
  }

  /** API packages: their own types must be free of machinery, so the row is not inherited. */
  private static final Set<String> WITHOUT_SUB_PACKAGES =
      Set.of("generate", "image", "", "kernel.memory", "kernel.engine", "nn");

  private static final Set<String> EXPORTED =
      Set.of(
          "dev.panaformer",
          "dev.panaformer.checkpoint",
          "dev.panaformer.generate",
          "dev.panaformer.image",
          "dev.panaformer.objective",
          "dev.panaformer.tensor");

  /** Public members that show types which are not exported, each with its reason in its Javadoc. */
  private static final Set<String> DOCUMENTED_EXCEPTIONS =
      Set.of(
          "dev.panaformer.ComputeOptions.openKernels()",
          "dev.panaformer.Precision.weightFormat()",
          "dev.panaformer.image.RgbImage.toBufferedImage()");

  /** A record of more would grow one day, and its constructor and patterns are a contract. */
  private static final int MOST_RECORD_COMPONENTS = 5;

  private static JavaClasses classes;

  @BeforeAll
  static void read() {
    URL library = TextEmbedder.class.getProtectionDomain().getCodeSource().getLocation();
    classes = new ClassFileImporter().importUrl(library);
    assertTrue(classes.contain(TextEmbedder.class), "the library's classes were not found");
  }

  /**
   * {@code image.preprocessing} of a class in it or in its sub-packages, "" for the root package.
   */
  private static String room(JavaClass type) {
    String name = type.getPackageName();
    return name.equals(ROOT) ? "" : name.substring(ROOT.length() + 1);
  }

  private static boolean ours(JavaClass type) {
    return type.getPackageName().equals(ROOT) || type.getPackageName().startsWith(ROOT + ".");
  }

  /** The packages that a package is in, itself first: {@code a.b}, {@code a}. */
  private static List<String> enclosing(String room) {
    List<String> rooms = new ArrayList<>();
    for (String r = room; !r.isEmpty(); r = r.substring(0, Math.max(r.lastIndexOf('.'), 0))) {
      rooms.add(r);
    }
    return room.isEmpty() ? List.of("") : rooms;
  }

  private static boolean mayImport(String from, String to) {
    String row = enclosing(from).stream().filter(MAY_IMPORT::containsKey).findFirst().orElse(null);
    if (row == null) {
      return false;
    }
    if (from.equals(to)) {
      return true;
    }
    // Within one room without a rule of its own, only cycles are forbidden.
    boolean sameRoom =
        !WITHOUT_SUB_PACKAGES.contains(row)
            && enclosing(to).contains(row)
            && enclosing(from).contains(row);
    return sameRoom || enclosing(to).stream().anyMatch(MAY_IMPORT.get(row)::contains);
  }

  @Test
  void packagesImportWhatTheyMay() {
    Set<String> violations = new TreeSet<>();
    for (JavaClass type : classes) {
      for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
        JavaClass target = dependency.getTargetClass().getBaseComponentType();
        if (ours(target) && !mayImport(room(type), room(target))) {
          violations.add(
              String.format(
                  "%s may not import %s: %s",
                  type.getPackageName(), target.getPackageName(), dependency.getDescription()));
        }
      }
    }
    assertNone(violations);
  }

  /**
   * Among all packages, those of kernel's families and of generate's machinery included. The rooms
   * of {@code model} are one: its root is sealed over them, and they implement it.
   */
  @Test
  void packagesHaveNoCycles() {
    SlicesRuleDefinition.slices()
        .assignedFrom(
            new SliceAssignment() {
              @Override
              public SliceIdentifier getIdentifierOf(JavaClass type) {
                return ours(type)
                    ? SliceIdentifier.of(
                        type.getPackageName().replaceFirst("(\\.model)\\..*", "$1"))
                    : SliceIdentifier.ignore();
              }

              @Override
              public String getDescription() {
                return "packages";
              }
            })
        .should()
        .beFreeOfCycles()
        .check(classes);
  }

  @Test
  void exportedAreTheUsersPackages() throws IOException {
    String module = Files.readString(Path.of("src/main/java/module-info.java"));
    Set<String> exported =
        Pattern.compile("exports ([\\w.]+);")
            .matcher(module)
            .results()
            .map((MatchResult match) -> match.group(1))
            .collect(Collectors.toSet());
    assertEquals(EXPORTED, exported);
    assertTrue(!module.contains("requires transitive"), "no library is part of the API");
  }

  @Test
  void everyPackageSaysWhatItIsForAndWhatItMayImport() {
    Set<String> packages =
        classes.stream()
            .map(JavaClass::getPackageName)
            .collect(Collectors.toCollection(TreeSet::new));
    packages.removeIf(name ->
        Files.exists(
            Path.of("src/main/java", name.replace('.', '/')).resolve("package-info.java")));
    assertNone(packages);
  }

  @Test
  void signaturesOfTheApiShowExportedTypesAlone() {
    Set<String> violations = new TreeSet<>();
    for (JavaClass type : classes) {
      if (!EXPORTED.contains(type.getPackageName()) || !isPublic(type)) {
        continue;
      }
      Stream.concat(type.getRawSuperclass().stream(), type.getRawInterfaces().stream())
          .filter(shown -> !isApi(shown))
          .forEach(shown -> violations.add(type.getName() + " shows " + shown.getName()));
      for (JavaMember member : type.getMembers()) {
        boolean visible =
            member.getModifiers().contains(JavaModifier.PUBLIC)
                || member.getModifiers().contains(JavaModifier.PROTECTED);
        if (!visible || member.getModifiers().contains(JavaModifier.SYNTHETIC)) {
          continue;
        }
        for (JavaClass shown : signature(member)) {
          if (!isApi(shown) && !DOCUMENTED_EXCEPTIONS.contains(member.getFullName())) {
            violations.add(member.getFullName() + " shows " + shown.getName());
          }
        }
      }
    }
    assertNone(violations);
  }

  /** A new option, or more to know of a result, must break no compiled caller. */
  @Test
  void optionsAreBuiltAndRecordsAreSmall() {
    Set<String> options = new TreeSet<>();
    Set<String> violations = new TreeSet<>();
    for (JavaClass type : classes) {
      if (!EXPORTED.contains(type.getPackageName()) || !isPublic(type)) {
        continue;
      }
      long fields =
          type.getFields().stream()
              .filter(field -> !field.getModifiers().contains(JavaModifier.STATIC))
              .count();
      if (type.isRecord() && fields > MOST_RECORD_COMPONENTS) {
        violations.add(type.getName() + " is a record of " + fields + " components");
      }
      if (type.getSimpleName().endsWith("Options")) {
        options.add(type.getSimpleName());
        optionsViolations(type).forEach(v -> violations.add(type.getName() + " " + v));
      }
    }
    assertNone(violations);
    assertEquals(
        Set.of(
            "CausalLMOptions",
            "ComputeOptions",
            "GenerationOptions",
            "ImageOptions",
            "ModelOptions"),
        options);
  }

  private static List<String> optionsViolations(JavaClass type) {
    List<String> violations = new ArrayList<>();
    if (type.isRecord()) {
      violations.add("is a record");
    }
    if (!type.getModifiers().contains(JavaModifier.FINAL)) {
      violations.add("is not final");
    }
    if (type.getConstructors().stream()
        .anyMatch(c -> !c.getModifiers().contains(JavaModifier.PRIVATE))) {
      violations.add("has a constructor that is not private");
    }
    for (String method : List.of("builder", "toBuilder")) {
      if (type.tryGetMethod(method).isEmpty()) {
        violations.add("has no method " + method + "()");
      }
    }
    if (type.tryGetField("DEFAULT").isEmpty()) {
      violations.add("has no DEFAULT");
    }
    return violations;
  }

  private static boolean isPublic(JavaClass type) {
    return type.getModifiers().contains(JavaModifier.PUBLIC)
        && type.getEnclosingClass().map(ArchitectureTest::isPublic).orElse(true);
  }

  private static Set<JavaClass> signature(JavaMember member) {
    Set<JavaClass> types = new LinkedHashSet<>();
    if (member instanceof JavaField field) {
      types.addAll(field.getType().getAllInvolvedRawTypes());
    } else if (member instanceof JavaCodeUnit unit) {
      types.addAll(unit.getReturnType().getAllInvolvedRawTypes());
      for (JavaType parameter : unit.getParameterTypes()) {
        types.addAll(parameter.getAllInvolvedRawTypes());
      }
      types.addAll(unit.getExceptionTypes());
    }
    return types;
  }

  private static boolean isApi(JavaClass type) {
    JavaClass element = type.getBaseComponentType();
    String name = element.getPackageName();
    return element.isPrimitive()
        || name.startsWith("java.") && !name.startsWith("java.awt")
        || EXPORTED.contains(name) && isPublic(element);
  }

  private static void assertNone(Set<String> violations) {
    assertTrue(violations.isEmpty(), () -> String.join(System.lineSeparator(), violations));
  }
}
