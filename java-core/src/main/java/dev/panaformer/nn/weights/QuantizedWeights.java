package dev.panaformer.nn.weights;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The packed weights of a quantized checkpoint; {@code docs/precision.md} describes the format.
 * Each packed weight is a tensor of bytes. Its name joins the names of the tensors that it was
 * packed from.
 *
 * <p>The weights are used in place, in the mapped file. The header of each weight is checked, and
 * its length against its shape. Then kernels stay within its bounds, whatever its codes and scales
 * are.
 */
public final class QuantizedWeights {
  static final String PRECISION = "panaformer.precision";
  static final String LAYOUT = "panaformer.layout";
  static final String SEPARATOR = "+";

  /** Increased whenever the output of {@code pf_linear_pack} changes. */
  private static final String LAYOUT_VERSION = "3";

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long OUT_OFFSET = 16;
  private static final long IN_OFFSET = 24;

  private final Checkpoint checkpoint;
  private final WeightFormat precision;

  /** The names of the tensors that each packed weight was packed from, by its own name. */
  private final Map<String, List<String>> parts = new LinkedHashMap<>();

  /** The names of packed weights, by the first tensor that each was packed from. */
  private final Map<String, String> byFirst = new HashMap<>();

  private QuantizedWeights(Checkpoint checkpoint, WeightFormat precision) {
    this.checkpoint = checkpoint;
    this.precision = precision;
    for (String name : checkpoint.names()) {
      try (Arena arena = Arena.ofConfined()) {
        if (checkpoint.tensor(name, arena).dtype() == DType.U8) {
          List<String> names = List.of(name.split("\\" + SEPARATOR));
          parts.put(name, names);
          byFirst.put(names.getFirst(), name);
        }
      }
    }
  }

  /**
   * The packed weights of a checkpoint. Empty if the checkpoint is not quantized.
   *
   * @throws CheckpointException if its precision or its layout is not known
   */
  public static Optional<QuantizedWeights> of(Checkpoint checkpoint) {
    Map<String, String> metadata = checkpoint.metadata();
    String name = metadata.get(PRECISION);
    if (name == null) {
      return Optional.empty();
    }
    if (!LAYOUT_VERSION.equals(metadata.get(LAYOUT))) {
      throw new CheckpointException(
          String.format(
              "%s: %s is %s, expected %s",
              checkpoint.source(), LAYOUT, metadata.get(LAYOUT), LAYOUT_VERSION));
    }
    WeightFormat precision =
        Arrays.stream(WeightFormat.values())
            .filter(p -> p != WeightFormat.FP32 && p.toString().equals(name))
            .findFirst()
            .orElseThrow(() ->
                new CheckpointException(
                    String.format(
                        "%s: %s is %s, expected bf16, int8, int4 or int4-128",
                        checkpoint.source(), PRECISION, name)));
    return Optional.of(new QuantizedWeights(checkpoint, precision));
  }

  /** The metadata of a safetensors file whose weights are packed in a precision. */
  public static Map<String, String> metadata(WeightFormat precision) {
    return Map.of("format", "panaformer", PRECISION, precision.toString(), LAYOUT, LAYOUT_VERSION);
  }

  /** The format of the packed weights. */
  public WeightFormat precision() {
    return precision;
  }

  /** The number of elements of all packed weights. */
  public long parameters() {
    long sum = 0;
    for (String name : parts.keySet()) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment packed = checkpoint.tensor(name, arena).data();
        if (packed.byteSize() >= NativeMemory.ALIGNMENT) {
          sum += packed.get(LONG, OUT_OFFSET) * packed.get(LONG, IN_OFFSET);
        }
      }
    }
    return sum;
  }

  /** Whether a packed weight was packed from a tensor of this name. */
  boolean has(String name) {
    return parts.values().stream().anyMatch(names -> names.contains(name));
  }

  /**
   * Returns the packed weight that was packed from the given tensors.
   *
   * @param spellings for each tensor the names that it may have
   * @param memory owns the mapping of the file
   * @throws CheckpointException if there is no such weight, or its shape differs
   */
  PackedWeight read(
      List<List<String>> spellings, long out, long in, Kernels kernels, NativeMemory memory) {
    String name =
        spellings.getFirst().stream()
            .map(byFirst::get)
            .filter(found -> found != null && isMadeOf(parts.get(found), spellings))
            .findFirst()
            .orElseThrow(() -> missing(spellings, out, in));
    MemorySegment packed = memory.adopt(arena -> checkpoint.tensor(name, arena).data());
    if (packed.address() % NativeMemory.ALIGNMENT != 0) {
      // Kernels need aligned weights. Panaformer writes them aligned, other writers of this file
      // may not.
      packed = memory.allocate(packed.byteSize(), NativeMemory.ALIGNMENT).copyFrom(packed);
    }
    try {
      return kernels.packing().packed(name, packed, out, in, precision);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(
          String.format(
              "%s: tensor %s of %d bytes is no weight %s packed in %s",
              checkpoint.source(),
              name,
              packed.byteSize(),
              Tensor.format(new long[] {out, in}),
              precision),
          e);
    }
  }

  private static boolean isMadeOf(List<String> names, List<List<String>> spellings) {
    boolean fits = names.size() == spellings.size();
    for (int i = 0; fits && i < names.size(); i++) {
      fits = spellings.get(i).contains(names.get(i));
    }
    return fits;
  }

  private CheckpointException missing(List<List<String>> spellings, long out, long in) {
    return new CheckpointException(
        String.format(
            "%s: no tensor %s, expected a weight %s packed in %s",
            checkpoint.source(),
            spellings.stream()
                .map(names -> String.join(" or ", names))
                .collect(Collectors.joining(" " + SEPARATOR + " ")),
            Tensor.format(new long[] {out, in}),
            precision));
  }
}
