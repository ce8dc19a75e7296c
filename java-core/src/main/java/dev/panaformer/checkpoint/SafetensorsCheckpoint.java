package dev.panaformer.checkpoint;

import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A safetensors file. It consists of the length of a JSON header (8 bytes, little-endian), the
 * header, and the bytes of the tensors without gaps. Opening reads and checks only the header.
 * {@link #tensor} maps only the bytes of that tensor.
 */
public final class SafetensorsCheckpoint implements Checkpoint {
  private static final int LENGTH_BYTES = 8;
  private static final String METADATA = "__metadata__";

  /**
   * The size in bits of each element type of the format, including types that are not supported.
   */
  private static final Map<String, Integer> BITS =
      Map.ofEntries(
          Map.entry("BOOL", 8),
          Map.entry("F4", 4),
          Map.entry("F6_E2M3", 6),
          Map.entry("F6_E3M2", 6),
          Map.entry("U8", 8),
          Map.entry("I8", 8),
          Map.entry("F8_E5M2", 8),
          Map.entry("F8_E4M3", 8),
          Map.entry("F8_E8M0", 8),
          Map.entry("I16", 16),
          Map.entry("U16", 16),
          Map.entry("F16", 16),
          Map.entry("BF16", 16),
          Map.entry("I32", 32),
          Map.entry("U32", 32),
          Map.entry("F32", 32),
          Map.entry("C64", 64),
          Map.entry("F64", 64),
          Map.entry("I64", 64),
          Map.entry("U64", 64));

  /** The location of a tensor. Begin and end are relative to the end of the header. */
  private record Entry(String name, String dtype, long[] shape, long begin, long end) {}

  private final CheckpointFile file;
  private final long dataStart;
  private final Map<String, Entry> entries;
  private final Map<String, String> metadata;

  private SafetensorsCheckpoint(
      CheckpointFile file,
      long dataStart,
      Map<String, Entry> entries,
      Map<String, String> metadata) {
    this.file = file;
    this.dataStart = dataStart;
    this.entries = Collections.unmodifiableMap(entries);
    this.metadata = Collections.unmodifiableMap(metadata);
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws CheckpointException if it cannot be read, or is not a valid safetensors file
   */
  public static SafetensorsCheckpoint open(Path path) {
    CheckpointFile file = CheckpointFile.open(path);
    try {
      return read(file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static SafetensorsCheckpoint read(CheckpointFile file) {
    Path path = file.path();
    if (file.size() < LENGTH_BYTES) {
      throw new CheckpointException(
          String.format("%s: %d bytes are too few for a safetensors file", path, file.size()));
    }
    long length = file.read(0, LENGTH_BYTES).getLong();
    long limit = Math.min(StrictJson.MAX_BYTES, file.size() - LENGTH_BYTES);
    if (length < 0 || length > limit) {
      throw new CheckpointException(
          String.format(
              "%s: a header of %s bytes in a file of %d, expected at most %d",
              path, Long.toUnsignedString(length), file.size(), limit));
    }
    byte[] header = file.read(LENGTH_BYTES, (int) length).array();
    if (length == 0 || header[0] != '{') {
      throw new CheckpointException(path + ": the header does not begin with {");
    }
    Map<String, Object> json = StrictJson.parseObject(path + ": header", header);
    Map<String, String> metadata = ConfigJson.of(path, json).stringMap(METADATA);
    Map<String, Entry> entries = new LinkedHashMap<>();
    json.forEach((name, fields) -> {
      if (!name.equals(METADATA)) {
        entries.put(name, entry(path, name, fields));
      }
    });
    long dataStart = LENGTH_BYTES + length;
    checkLayout(path, entries.values(), file.size() - dataStart);
    return new SafetensorsCheckpoint(file, dataStart, entries, metadata);
  }

  private static Entry entry(Path file, String name, Object json) {
    String where = file + ": tensor " + name;
    if (!(json instanceof Map<?, ?> fields)) {
      throw new CheckpointException(where + " is " + StrictJson.kind(json) + " in the header");
    }
    if (!fields.keySet().equals(Set.of("dtype", "shape", "data_offsets"))) {
      throw new CheckpointException(
          where + " has the fields " + fields.keySet() + ", expected dtype, shape, data_offsets");
    }
    String dtype = fields.get("dtype") instanceof String value ? value : "";
    if (!BITS.containsKey(dtype)) {
      throw new CheckpointException(
          where + " has the unknown dtype " + StrictJson.kind(fields.get("dtype")));
    }
    long[] shape = sizes(where, "shape", fields.get("shape"));
    long[] offsets = sizes(where, "data_offsets", fields.get("data_offsets"));
    if (offsets.length != 2 || offsets[0] > offsets[1]) {
      throw new CheckpointException(
          String.format("%s has data_offsets %s, expected [begin, end]", where, list(offsets)));
    }
    long bits;
    try {
      bits = Math.multiplyExact(Tensor.elements(shape), (long) BITS.get(dtype));
    } catch (ArithmeticException e) {
      throw new CheckpointException(where + " has the impossible shape " + list(shape), e);
    }
    if (bits % 8 != 0 || offsets[1] - offsets[0] != bits / 8) {
      throw new CheckpointException(
          String.format(
              "%s: %s %s takes %d bits, but data_offsets %s hold %d bytes",
              where, dtype, list(shape), bits, list(offsets), offsets[1] - offsets[0]));
    }
    return new Entry(name, dtype, shape, offsets[0], offsets[1]);
  }

  private static long[] sizes(String where, String field, Object json) {
    if (!(json instanceof List<?> elements)) {
      throw new CheckpointException(where + ": " + field + " is " + StrictJson.kind(json));
    }
    long[] sizes = new long[elements.size()];
    for (int i = 0; i < sizes.length; i++) {
      // The parser produces a Long only for integers that fit in 63 bits.
      if (!(elements.get(i) instanceof Long size && size >= 0)) {
        throw new CheckpointException(
            String.format(
                "%s: %s holds %s, expected an integer from 0 to 2^63 - 1",
                where, field, StrictJson.kind(elements.get(i))));
      }
      sizes[i] = size;
    }
    return sizes;
  }

  /** Checks that every byte of the file belongs to exactly one tensor, as the format requires. */
  private static void checkLayout(Path file, Iterable<Entry> entries, long dataSize) {
    List<Entry> sorted = new ArrayList<>();
    entries.forEach(sorted::add);
    sorted.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    long end = 0;
    String previous = null;
    for (Entry entry : sorted) {
      if (entry.end > dataSize) {
        throw new CheckpointException(
            String.format(
                "%s: tensor %s ends at byte %d of the data, of which the file has %d",
                file, entry.name, entry.end, dataSize));
      }
      if (entry.begin < end) {
        throw new CheckpointException(
            String.format("%s: tensors %s and %s overlap", file, previous, entry.name));
      }
      if (entry.begin > end) {
        throw new CheckpointException(
            String.format(
                "%s: %d bytes before tensor %s belong to none",
                file, entry.begin - end, entry.name));
      }
      end = entry.end;
      previous = entry.name;
    }
    if (end != dataSize) {
      throw new CheckpointException(
          String.format("%s: the last %d bytes belong to no tensor", file, dataSize - end));
    }
  }

  private static String list(long[] values) {
    return Tensor.format(values);
  }

  @Override
  public Path source() {
    return file.path();
  }

  @Override
  public Set<String> names() {
    return entries.keySet();
  }

  @Override
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  public Tensor tensor(String name, Arena arena) {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new CheckpointException(source() + ": no tensor named " + name);
    }
    DType dtype =
        DType.find(entry.dtype)
            .orElseThrow(() ->
                new CheckpointException(
                    String.format(
                        "%s: tensor %s has dtype %s, expected one of %s",
                        source(), name, entry.dtype, List.of(DType.values()))));
    return Tensor.of(
        dtype, entry.shape, file.map(dataStart + entry.begin, entry.end - entry.begin, arena));
  }

  @Override
  public void close() {
    file.close();
  }
}
