package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.panaformer.Backend;
import dev.panaformer.BackendException;
import dev.panaformer.ComputeOptions;
import dev.panaformer.ModelOptions;
import dev.panaformer.cli.verify.Backends;
import dev.panaformer.cli.verify.CaseFinder;
import dev.panaformer.cli.verify.CaseResult;
import dev.panaformer.cli.verify.GoldenCase;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every golden case on every backend, run as {@code verify} runs it: all outputs and intermediate
 * results that the reference has, generated ids, tokens, and the vectors of sentences.
 *
 * <p>The repository's own cases are listed in {@code golden/cases.txt} and must all be there. The
 * cases of the whole collection that Panaformer supports are listed in {@code
 * golden/collection.txt}; one that is not at hand is skipped by name, and so is a case of the
 * collection that is not supported yet.
 */
class GoldenCasesTest {
  /** Whether the instruction set can make a difference to the case. */
  private static final Predicate<String> NATIVE =
      name -> !name.startsWith("tokenizers/") && !name.equals("minilm");

  private static final Predicate<String> MODEL = name -> !name.startsWith("ops/");

  private static final Cases REPOSITORY =
      Cases.of(Golden.FOLDER, "cases.txt", Golden.FOLDER, Golden.MINILM);

  private static final Cases WHOLE = Cases.of(Golden.WHOLE, "collection.txt", Golden.WHOLE);

  /**
   * The cases that were found, and those that are listed and so must pass.
   *
   * @param folder where they should be
   */
  private record Cases(Path folder, Map<String, GoldenCase> found, Set<String> listed) {
    static Cases of(Path folder, String list, Path... searched) {
      Map<String, GoldenCase> found = new TreeMap<>();
      try {
        for (Path path : searched) {
          if (Files.isDirectory(path)) {
            CaseFinder.find(path).forEach(golden -> found.put(golden.name(), golden));
          }
        }
        List<String> listed = Files.readAllLines(Golden.FOLDER.resolve(list));
        return new Cases(folder, found, new TreeSet<>(listed));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** The names of all that are there or should be. */
    Stream<String> names() {
      return Stream.concat(listed.stream(), found.keySet().stream()).distinct().sorted();
    }
  }

  /** One way to compute. */
  private record Configuration(String name, Supplier<Backends> backends) {
    static Configuration of(Backend backend) {
      return new Configuration(
          backend.toString(), () -> Backends.open(ModelOptions.DEFAULT.withBackend(backend)));
    }

    /**
     * The forward passes are computed on this instruction set. What a case generates or embeds, as
     * a user would, is computed on the default one; {@link VerifyTest} forces that too.
     */
    static Configuration of(Isa isa, int threads) {
      ModelOptions options = ModelOptions.DEFAULT.withThreads(threads);
      return new Configuration(
          isa + " " + threads, () -> new Backends(NativeKernels.create(isa, threads), options));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Every instruction set of this machine, on one, two and three threads. */
  private static Stream<Configuration> instructionSets() {
    return InstructionSets.available().stream()
        .flatMap(isa -> Stream.of(1, 2, 3).map(threads -> Configuration.of(isa, threads)));
  }

  private static Stream<Configuration> backends() {
    return Stream.of(Configuration.of(Backend.NATIVE), Configuration.of(Backend.JAVA));
  }

  private static Stream<Arguments> runs(Stream<String> names, Stream<Configuration> each) {
    List<String> cases = names.toList();
    return each.flatMap(
        configuration -> cases.stream().map(name -> Arguments.of(name, configuration)));
  }

  static Stream<Arguments> repositoryOnEveryBackend() {
    return runs(REPOSITORY.names(), backends());
  }

  static Stream<Arguments> collectionOnEveryBackend() {
    // The repository has the same case of the real model, which takes plain Java long.
    return runs(WHOLE.names().filter(name -> !name.equals("minilm")), backends());
  }

  static Stream<Arguments> repositoryOnEveryInstructionSet() {
    return runs(REPOSITORY.listed().stream().filter(NATIVE), instructionSets());
  }

  static Stream<Arguments> collectionOnEveryInstructionSet() {
    return runs(WHOLE.listed().stream().filter(NATIVE.and(MODEL)), instructionSets());
  }

  static Stream<Arguments> repositoryOnTheEmulationOfCuda() {
    return runs(
        REPOSITORY.listed().stream().filter(NATIVE.and(MODEL)),
        Stream.of(Configuration.of(Backend.CUDA_EMULATED)));
  }

  @Test
  void theRepositoryHasTheCasesThatItLists() {
    assertEquals(REPOSITORY.listed(), REPOSITORY.found().keySet());
    assertTrue(WHOLE.listed().size() >= 119, WHOLE.listed()::toString);
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("repositoryOnEveryBackend")
  void aCaseOfTheRepositoryPasses(String name, Configuration configuration) {
    assertPasses(REPOSITORY, name, configuration);
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("collectionOnEveryBackend")
  void aCaseOfTheCollectionPasses(String name, Configuration configuration) {
    assertPasses(WHOLE, name, configuration);
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("repositoryOnEveryInstructionSet")
  void aCaseOfTheRepositoryPassesOnAnInstructionSet(String name, Configuration configuration) {
    assertPasses(REPOSITORY, name, configuration);
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("collectionOnEveryInstructionSet")
  void aModelOfTheCollectionPassesOnAnInstructionSet(String name, Configuration configuration) {
    assertPasses(WHOLE, name, configuration);
  }

  /**
   * Models alone: operators take the emulation minutes, and CTest runs its kernels by themselves.
   */
  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("repositoryOnTheEmulationOfCuda")
  void aModelOfTheRepositoryPassesOnTheEmulationOfCuda(String name, Configuration configuration) {
    try {
      ComputeOptions.DEFAULT.withBackend(Backend.CUDA_EMULATED).openKernels().close();
    } catch (BackendException noCompiler) {
      abort(noCompiler.getMessage());
    }
    assertPasses(REPOSITORY, name, configuration);
  }

  private static void assertPasses(Cases cases, String name, Configuration configuration) {
    GoldenCase golden = cases.found().get(name);
    if (golden == null) {
      abort(name + " is not in " + cases.folder());
    }
    CaseResult result;
    try (Backends backends = configuration.backends().get()) {
      result = CaseResult.of(golden, backends, comparison -> {});
    }
    // A case that is listed is of a family that is supported, and has to stay so.
    if (result.status() == CaseResult.Status.UNSUPPORTED && !cases.listed().contains(name)) {
      abort(name + " is not supported yet: " + result.reason());
    }
    assertEquals(CaseResult.Status.PASSED, result.status(), () -> explain(result));
  }

  private static String explain(CaseResult result) {
    return result.comparisons().stream()
        .map(comparison -> comparison.line(result.name(), result.name().length()))
        .collect(Collectors.joining("\n", result.reason() + "\n", "\n"));
  }
}
