package dev.panaformer.kernel.memory;

import static dev.panaformer.bindings.panaformer_h.PF_ALIGNMENT;

import dev.panaformer.bindings.NativeAccess;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * Off-heap memory that is freed all at once: a model's weights, a workspace's buffers.
 *
 * <p>Its segments know their size but not their lifetime. Checking a shared lifetime would cost two
 * contended atomic operations for each segment of each downcall. The owner of an instance must
 * therefore make sure that nobody uses its segments after it is closed. For models, one lease per
 * forward pass ensures this; see {@link WorkspacePool}.
 *
 * <p>Thread-safe.
 */
public final class NativeMemory implements SegmentAllocator, AutoCloseable {
  /** The alignment of every segment in bytes: a cache line, which packed weights require. */
  public static final long ALIGNMENT = PF_ALIGNMENT();

  /** The bytes that are mapped at a time, so that tensors are adjacent and fill their pages. */
  private static final long MAPPING_BYTES = 64L << 20;

  private final Arena arena = Arena.ofShared();
  private final Optional<HugePages> pages;
  private final Optional<DeviceMemory> device;
  private final long mappingBytes;

  // Guarded by this.
  private final List<HugePages.Mapping> mappings = new ArrayList<>();
  private final List<MemorySegment> onDevice = new ArrayList<>();
  private long used;
  private long mapped;

  private final AtomicLong bytes = new AtomicLong();

  /**
   * Checks that the JVM lets this module use native memory. To be called before the first instance
   * is created.
   *
   * @throws IllegalCallerException with the option that gives the permission
   */
  @SuppressWarnings("restricted")
  public static void requireAccess() {
    try {
      MemorySegment.NULL.reinterpret(0);
    } catch (IllegalCallerException e) {
      throw NativeAccess.denied(e);
    }
  }

  /** Creates memory from {@code malloc}, for small or short-lived segments. */
  public NativeMemory() {
    this(Optional.empty(), Optional.empty(), 0);
  }

  /** Creates memory on a device, which Java can neither read nor write. */
  public NativeMemory(DeviceMemory device) {
    this(Optional.empty(), Optional.of(device), 0);
  }

  private NativeMemory(
      Optional<HugePages> pages, Optional<DeviceMemory> device, long mappingBytes) {
    this.pages = pages;
    this.device = device;
    this.mappingBytes = mappingBytes;
  }

  /**
   * Creates memory on huge pages if the system has them, for large long-lived data such as weights
   * and caches.
   */
  public static NativeMemory onHugePages() {
    return new NativeMemory(HugePages.instance(), Optional.empty(), MAPPING_BYTES);
  }

  /**
   * Creates memory for one segment of {@code bytes} bytes: on huge pages if it fills at least one,
   * else from {@code malloc}. Huge pages speed up attention over thousands of tokens, whose keys
   * are far apart, by a sixth.
   */
  public static NativeMemory ofSegment(long bytes) {
    return bytes < HugePages.BYTES
        ? new NativeMemory()
        : new NativeMemory(HugePages.instance(), Optional.empty(), 0);
  }

  /**
   * Allocates memory that is aligned to {@link #ALIGNMENT} or more. It is zeroed unless it is on a
   * device.
   */
  @Override
  public MemorySegment allocate(long byteSize, long byteAlignment) {
    long alignment = Math.max(byteAlignment, ALIGNMENT);
    MemorySegment segment = allocateAligned(byteSize, alignment);
    bytes.addAndGet(byteSize);
    return segment;
  }

  @SuppressWarnings("restricted")
  private MemorySegment allocateAligned(long byteSize, long alignment) {
    if (device.isPresent()) {
      return allocate(device.get(), byteSize);
    }
    if (pages.isPresent() && alignment <= HugePages.BYTES) {
      return allocate(pages.get(), byteSize, alignment);
    }
    MemorySegment segment = arena.allocate(byteSize, alignment);
    return MemorySegment.ofAddress(segment.address()).reinterpret(byteSize);
  }

  /**
   * Shortens a segment to its first bytes and returns it. If it is the last segment that was
   * allocated on huge pages, the remaining bytes can be allocated again; nobody may have written to
   * them.
   */
  public synchronized MemorySegment trim(MemorySegment segment, long bytes) {
    long rest = segment.byteSize() - bytes;
    if (!mappings.isEmpty()) {
      MemorySegment taken = mappings.getLast().segment(0, used);
      if (taken.address() + used == segment.address() + segment.byteSize()) {
        used -= rest;
        this.bytes.addAndGet(-rest);
      }
    }
    return segment.asSlice(0, bytes);
  }

  /**
   * Maps a file for as long as this memory lives, and returns the mapping.
   *
   * @param map maps the file into the arena that it is given
   */
  @SuppressWarnings("restricted")
  public MemorySegment adopt(Function<Arena, MemorySegment> map) {
    MemorySegment segment = map.apply(arena);
    bytes.addAndGet(segment.byteSize());
    return MemorySegment.ofAddress(segment.address()).reinterpret(segment.byteSize());
  }

  /** Returns the number of bytes requested, without gaps between segments. */
  public long bytes() {
    return bytes.get();
  }

  private synchronized MemorySegment allocate(DeviceMemory device, long bytes) {
    requireOpen();
    MemorySegment segment = device.allocate(bytes);
    onDevice.add(segment);
    return segment;
  }

  private void requireOpen() {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException("Already closed");
    }
  }

  private synchronized MemorySegment allocate(HugePages huge, long bytes, long alignment) {
    if (bytes < 0) {
      throw new IllegalArgumentException("memory of " + bytes + " bytes");
    }
    requireOpen();
    long offset = roundUp(used, alignment);
    if (mappings.isEmpty() || bytes > mapped - offset) {
      long next = Math.max(mappingBytes, roundUp(bytes, HugePages.BYTES));
      mappings.add(huge.map(next));
      mapped = next;
      offset = 0;
    }
    used = offset + bytes;
    return mappings.getLast().segment(offset, bytes);
  }

  private static long roundUp(long value, long multiple) {
    return Math.ceilDiv(value, multiple) * multiple;
  }

  /** Frees all segments. None may be in use. */
  @Override
  public synchronized void close() {
    arena.close();
    mappings.forEach(mapping -> pages.orElseThrow().unmap(mapping));
    mappings.clear();
    onDevice.forEach(segment -> device.orElseThrow().free(segment));
    onDevice.clear();
  }
}
