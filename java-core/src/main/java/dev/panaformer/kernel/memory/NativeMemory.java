package dev.panaformer.kernel.memory;

import static dev.panaformer.bindings.panaformer_h.PF_ALIGNMENT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * Memory outside the heap that is freed as one: a model's weights, a workspace's buffers.
 *
 * <p>Its segments know their size but not their lifetime, because checking a shared lifetime costs
 * two contended atomics for each segment of each downcall. Whoever owns an instance therefore sees
 * to it that nobody uses its segments once it is closed; for models one lease per forward does, see
 * {@link WorkspacePool}.
 *
 * <p>Thread-safe.
 */
public final class NativeMemory implements SegmentAllocator, AutoCloseable {
  /** Bytes to which every segment is aligned: a cache line, and what packed weights ask for. */
  public static final long ALIGNMENT = PF_ALIGNMENT();

  /** Bytes mapped at a time, so that tensors lie side by side and fill their pages. */
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

  /** Memory as {@code malloc} gives it, for what is small or short-lived. */
  public NativeMemory() {
    this(Optional.empty(), Optional.empty(), 0);
  }

  /** Memory of a device, which Java can neither read nor write. */
  public NativeMemory(DeviceMemory device) {
    this(Optional.empty(), Optional.of(device), 0);
  }

  private NativeMemory(
      Optional<HugePages> pages, Optional<DeviceMemory> device, long mappingBytes) {
    this.pages = pages;
    this.device = device;
    this.mappingBytes = mappingBytes;
  }

  /** Memory on huge pages where there are such, for what is large and stays: weights, caches. */
  public static NativeMemory onHugePages() {
    return new NativeMemory(HugePages.instance(), Optional.empty(), MAPPING_BYTES);
  }

  /**
   * Memory for one segment of so many bytes: on huge pages if it fills one, else as {@code malloc}
   * gives it. Attention over thousands of tokens, whose keys lie far apart, gains a sixth.
   */
  public static NativeMemory ofSegment(long bytes) {
    return bytes < HugePages.BYTES
        ? new NativeMemory()
        : new NativeMemory(HugePages.instance(), Optional.empty(), 0);
  }

  /** Memory, zeroed unless it is a device's, aligned to {@link #ALIGNMENT} or more. */
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
   * The first bytes of a segment. The others, which nobody has written to, are given back if it was
   * the last to be allocated on huge pages.
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
   * A mapping of a file that lives as long as this memory.
   *
   * @param map maps into the arena that it is given
   */
  @SuppressWarnings("restricted")
  public MemorySegment adopt(Function<Arena, MemorySegment> map) {
    MemorySegment segment = map.apply(arena);
    bytes.addAndGet(segment.byteSize());
    return MemorySegment.ofAddress(segment.address()).reinterpret(segment.byteSize());
  }

  /** Bytes that have been asked for, without what lies between segments. */
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

  /** Frees everything. No segment may be in use. */
  @Override
  public synchronized void close() {
    arena.close();
    mappings.forEach(mapping -> pages.orElseThrow().unmap(mapping));
    mappings.clear();
    onDevice.forEach(segment -> device.orElseThrow().free(segment));
    onDevice.clear();
  }
}
