package dev.panaformer.cli.verify;

import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.cli.terminal.Failure;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one run of a case came to. The command {@code verify} and the project's own tests both run
 * cases through {@link #of}.
 *
 * @param name the case's
 * @param comparisons those that were made, in order
 * @param reason why the run ended early: what is not supported, or what failed; empty if every
 *     output was compared
 */
public record CaseResult(String name, Status status, List<Comparison> comparisons, String reason) {

  /** How a case can end. */
  public enum Status {
    /** Every output of the reference was compared and is within its tolerance. */
    PASSED,
    /** An output is wrong or missing, or the run threw an exception. */
    FAILED,
    /** The case asks for what Panaformer does not do yet, and nothing was wrong until there. */
    UNSUPPORTED
  }

  /**
   * Runs a case. Whatever it throws is part of the result.
   *
   * @param report gets each comparison as soon as it is made
   */
  public static CaseResult of(GoldenCase golden, Backends backends, Report report) {
    List<Comparison> comparisons = new ArrayList<>();
    Status ended = Status.PASSED;
    String reason = "";
    try {
      golden.run(
          backends,
          comparison -> {
            comparisons.add(comparison);
            report.add(comparison);
          });
      if (comparisons.isEmpty()) {
        throw new IOException("nothing to compare");
      }
    } catch (UnsupportedCaseException | UnsupportedModelException e) {
      ended = Status.UNSUPPORTED;
      reason = Failure.sentence(e);
    } catch (IOException | RuntimeException e) {
      ended = Status.FAILED;
      reason = Failure.sentence(e);
    }
    if (!comparisons.stream().allMatch(Comparison::ok)) {
      // A wrong output outweighs an unsupported one that comes after it.
      reason = ended == Status.UNSUPPORTED ? "" : reason;
      ended = Status.FAILED;
    }
    return new CaseResult(golden.name(), ended, List.copyOf(comparisons), reason);
  }

  /**
   * Writes the computed outputs to {@code folder/NAME.safetensors}, under the names of the
   * reference's outputs. Writes nothing if nothing was computed.
   */
  public void writeOutputs(Path folder) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Comparison comparison : comparisons) {
      if (comparison.computed() != null) {
        tensors.put(comparison.output(), comparison.computed());
      }
    }
    if (!tensors.isEmpty()) {
      Path file = folder.resolve(name + ".safetensors");
      Files.createDirectories(file.toAbsolutePath().getParent());
      SafetensorsWriter.write(file, tensors, Map.of());
    }
  }
}
