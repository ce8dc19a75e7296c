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
 * The result of running a case. The command {@code verify} and the project's tests both run cases
 * with {@link #of}.
 *
 * @param name the name of the case
 * @param comparisons the comparisons that were made, in order
 * @param reason why the run ended early: what is not supported, or what failed. Empty if every
 *     output was compared
 */
public record CaseResult(String name, Status status, List<Comparison> comparisons, String reason) {

  /** How a case can end. */
  public enum Status {
    /** Every output of the reference was compared and is within its tolerance. */
    PASSED,
    /** An output is wrong or missing, or the run threw an exception. */
    FAILED,
    /**
     * The case needs something that Panaformer does not support yet. All comparisons before it
     * passed.
     */
    UNSUPPORTED
  }

  /**
   * Runs a case. Exceptions of the case become part of the result.
   *
   * @param report receives each comparison as soon as it is made
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
      // A wrong output counts more than an unsupported one after it.
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
