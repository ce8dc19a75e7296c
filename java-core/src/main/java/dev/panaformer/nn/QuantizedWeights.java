package dev.panaformer.nn;

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
 * The weights of a checkpoint that are packed already, as {@code docs/precision.md} lays them out:
 * tensors of bytes, each under the names of the tensors that it is made of.
 *
 * <p>They are used where the file is mapped. Of each the header is checked, and that it is as long
 * as its shape says; whatever its codes and scales are, kernels stay within it.
 */
public final class QuantizedWeights {
  static final String PRECISION = "panaformer.precision";
  static final String LAYOUT = "panaformer.layout";
  static final String SEPARATOR = "+";

  /** Raised whenever what {@code pf_linear_pack} makes of a weight changes. */
  private static final String LAYOUT_VERSION = "3";

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long OUT_OFFSET = 16;
  private static final long IN_OFFSET = 24;

  private final Checkpoint checkpoint;
  private final WeightFormat precision;

  /** The names that each packed weight is made of, and its own by the first of them. */
  private final Map<String, List<String>> parts = new LinkedHashMap<>();

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
   * Those of a checkpoint; empty if it is one like any other.
   *
   * @throws CheckpointException if it was quantized to something that is not known here
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

  /** The metadata of a file whose weights are packed so. */
  public static Map<String, String> metadata(WeightFormat precision) {
    return Map.of("format", "panaformer", PRECISION, precision.toString(), LAYOUT, LAYOUT_VERSION);
  }

  /** The format in which they are packed. */
  public WeightFormat precision() {
    return precision;
  }

  /** Elements of all of them, before they were packed. */
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

  /** Whether a tensor of this name is in one of them. */
  boolean has(String name) {
    return parts.values().stream().anyMatch(names -> names.contains(name));
  }

  /**
   * The weight that is made of these tensors.
   *
   * @param spellings the names that each of them may have
   * @param memory what the file is mapped into
   * @throws CheckpointException if there is none, or not of this shape
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
      // Whoever else wrote this file has not put it where it could be read in place.
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
