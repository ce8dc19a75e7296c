package dev.panaformer.cli.verify;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The inputs of a forward pass, with the padding of the reference.
 *
 * @param ids {@code [sequences, length]}
 * @param mask 0 where a token is padding
 * @param types the token types; null if all are 0
 * @param positions the position ids; null for the default of the model
 */
record ModelInputs(int[][] ids, int[][] mask, int[][] types, int[][] positions) {
  private static final String IDS = "input_ids";
  private static final String MASK = "attention_mask";
  private static final String TYPES = "token_type_ids";
  private static final String POSITIONS = "position_ids";
  private static final Set<String> KNOWN = Set.of(IDS, MASK, TYPES, POSITIONS);

  /**
   * @throws UnsupportedCaseException if the file has an input that is not supported
   */
  static ModelInputs read(Path file) {
    return read(file, "", name -> false);
  }

  /**
   * Reads the inputs of the encoder or of the decoder of an encoder-decoder.
   *
   * @param prefix the prefix of the names of its inputs
   * @param other the prefix of the names of the other part's inputs
   */
  static ModelInputs read(Path file, String prefix, String other) {
    return read(
        file,
        prefix,
        name -> name.startsWith(other) && KNOWN.contains(name.substring(other.length())));
  }

  /**
   * @param others accepts the names of inputs that the caller reads itself
   */
  static ModelInputs read(Path file, String prefix, Predicate<String> others) {
    try (SafetensorsCheckpoint inputs = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      for (String name : inputs.names()) {
        boolean ours = name.startsWith(prefix) && KNOWN.contains(name.substring(prefix.length()));
        if (!ours && !others.test(name)) {
          throw new UnsupportedCaseException("input " + name);
        }
      }
      int[][] ids = matrix(inputs, prefix + IDS, arena);
      if (ids == null) {
        throw new CheckpointException(file + ": no tensor " + prefix + IDS);
      }
      int[][] mask = matching(inputs, prefix + MASK, arena, ids);
      return new ModelInputs(
          ids,
          mask == null ? ones(ids.length, ids[0].length) : mask,
          matching(inputs, prefix + TYPES, arena, ids),
          matching(inputs, prefix + POSITIONS, arena, ids));
    }
  }

  private static int[][] ones(int rows, int columns) {
    int[][] ones = new int[rows][columns];
    for (int[] row : ones) {
      Arrays.fill(row, 1);
    }
    return ones;
  }

  /** Reads a matrix with the shape of the ids. A matrix of one row applies to all sequences. */
  static int[][] matching(SafetensorsCheckpoint inputs, String name, Arena arena, int[][] ids) {
    int[][] matrix = matrix(inputs, name, arena);
    if (matrix == null) {
      return null;
    }
    if (matrix.length == 1 && ids.length > 1) {
      int[] row = matrix[0];
      matrix = new int[ids.length][];
      Arrays.fill(matrix, row);
    }
    if (matrix.length != ids.length || matrix[0].length != ids[0].length) {
      throw new CheckpointException(
          String.format(
              "%s: %s is [%d, %d], expected [%d, %d] as %s",
              inputs.source(),
              name,
              matrix.length,
              matrix[0].length,
              ids.length,
              ids[0].length,
              IDS));
    }
    return matrix;
  }

  /** Reads a matrix; null if there is no such tensor. */
  private static int[][] matrix(SafetensorsCheckpoint inputs, String name, Arena arena) {
    if (!inputs.names().contains(name)) {
      return null;
    }
    Tensor tensor = inputs.tensor(name, arena);
    boolean integers = tensor.dtype() == DType.I64 || tensor.dtype() == DType.I32;
    if (!integers || tensor.rank() != 2) {
      throw new UnsupportedCaseException(name + " of " + tensor);
    }
    if (tensor.elements() == 0) {
      throw new CheckpointException(inputs.source() + ": " + name + " is " + tensor);
    }
    long[] values = tensor.toLongs();
    int columns = Math.toIntExact(tensor.shape()[1]);
    int[][] rows = new int[Math.toIntExact(tensor.shape()[0])][columns];
    for (int i = 0; i < values.length; i++) {
      rows[i / columns][i % columns] = Math.toIntExact(values[i]);
    }
    return rows;
  }

  int sequences() {
    return ids.length;
  }

  /** The number of tokens of each sequence, padding included. */
  int length() {
    return ids[0].length;
  }

  boolean isToken(int sequence, int position) {
    return mask[sequence][position] != 0;
  }

  /** Whether a sequence has any token that is not padding. */
  boolean hasTokens(int sequence) {
    return Arrays.stream(mask[sequence]).anyMatch(m -> m != 0);
  }
}
