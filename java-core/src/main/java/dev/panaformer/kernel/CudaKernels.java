package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.bindings.CudaLibrary;
import dev.panaformer.bindings.NativeLibrary;
import dev.panaformer.bindings.panaformer_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The kernels for CUDA, on one device, or the same kernels on the host. Calls are marshalled as for
 * the CPU; the engine behind them runs them in order on its stream, and only results wait for it.
 *
 * <p>Tensors lie in the device's memory. Their segments have an address and a size but no life: the
 * arena that they were given is closed, so that whoever reads or writes one in Java gets an {@link
 * IllegalStateException} and not the host's memory at a device's address.
 */
public final class CudaKernels extends NativeKernels implements DeviceMemory {
  /**
   * System property: what attention rounds queries, keys and values to, to multiply them on tensor
   * cores: {@code fp16} or {@code bf16}. Default: {@code fp32}, not at all.
   */
  public static final String ATTENTION_PROPERTY = "panaformer.cuda.attention";

  /**
   * System property: {@code true} if cuBLASLt may compute linear layers whose weights are {@link
   * Precision#BF16}, in an order of its own: the last bits of a result then depend on its batch.
   */
  public static final String CUBLAS_PROPERTY = "panaformer.cuda.cublas";

  private final CudaLibrary library;
  private final MemorySegment engine;
  private final String description;

  private CudaKernels(CudaLibrary library, MemorySegment engine, String description) {
    super(engine);
    this.library = library;
    this.engine = engine;
    this.description = description;
  }

  /**
   * Starts an engine.
   *
   * @throws dev.panaformer.bindings.NativeLibraryException if there is no library, or it is damaged
   *     or of another version
   * @throws UnsupportedOperationException if there is no driver or no such device, saying which
   */
  public static CudaKernels create(int index) {
    NativeLibrary.load();
    CudaLibrary library = CudaLibrary.load();
    CudaDevices.require(library, index);
    CudaLibrary.Description device = library.describe(index);
    return new CudaKernels(
        library,
        createEngine(library, index),
        String.format(
            Locale.ROOT,
            "cuda %d, %s, %d MB",
            index,
            device.name(),
            device.memoryBytes() / 1_000_000));
  }

  /** Starts an engine that runs the kernels for CUDA on the host: slow, and for tests. */
  public static CudaKernels createEmulated() {
    NativeLibrary.load();
    CudaLibrary library = CudaLibrary.loadEmulated();
    return new CudaKernels(library, createEngine(library, 0), "cuda, emulated on the host");
  }

  private static MemorySegment createEngine(CudaLibrary library, int index) {
    int attention =
        switch (System.getProperty(ATTENTION_PROPERTY, "fp32")) {
          case "fp32" -> panaformer_h.PF_DTYPE_FP32();
          case "fp16" -> panaformer_h.PF_DTYPE_FP16();
          case "bf16" -> panaformer_h.PF_DTYPE_BF16();
          default ->
              throw new IllegalArgumentException(
                  ATTENTION_PROPERTY
                      + " is "
                      + System.getProperty(ATTENTION_PROPERTY)
                      + ", expected fp32, fp16 or bf16");
        };
    MemorySegment engine = library.createEngine(index);
    try {
      library.setAttention(engine, attention);
      if (Boolean.getBoolean(CUBLAS_PROPERTY)) {
        library.useCublas(engine);
      }
      return engine;
    } catch (Throwable e) {
      panaformer_h.pf_engine_destroy(engine);
      throw e;
    }
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public NativeMemory memory(NativeMemory host) {
    host.close();
    return new NativeMemory(this);
  }

  @Override
  public MemorySegment place(
      SegmentAllocator memory, Function<SegmentAllocator, MemorySegment> fill) {
    try (Arena host = Arena.ofConfined()) {
      MemorySegment filled = fill.apply(host);
      MemorySegment placed = memory.allocate(filled.byteSize(), NativeMemory.ALIGNMENT);
      library.copy(engine, placed.address(), filled.address(), filled.byteSize());
      return placed;
    }
  }

  /** A tensor of the host is what it is. */
  @Override
  public MemorySegment onHost(MemorySegment tensor, long floats, Workspace workspace) {
    if (tensor.scope().isAlive()) {
      return tensor;
    }
    long bytes = floats * Float.BYTES;
    MemorySegment host = workspace.onHost(bytes);
    read(tensor, 0, host, bytes);
    return host;
  }

  private void read(MemorySegment tensor, long offset, MemorySegment host, long bytes) {
    if (tensor.byteSize() - offset < bytes) {
      throw new IndexOutOfBoundsException(
          "a tensor of " + tensor.byteSize() + " bytes is read from " + offset + " for " + bytes);
    }
    library.copy(engine, host.address(), tensor.address() + offset, bytes);
  }

  @Override
  public void write(
      MemorySegment tensor, long floats, Workspace workspace, Consumer<MemorySegment> values) {
    MemorySegment host = workspace.onHost(floats * Float.BYTES);
    values.accept(host);
    copy(host, 0, tensor, 0, floats);
  }

  @Override
  public void clear(MemorySegment tensor, long fromFloat, long floats) {
    MemorySegment cleared = tensor.asSlice(fromFloat * Float.BYTES, floats * Float.BYTES);
    library.clear(engine, cleared.address(), cleared.byteSize());
  }

  @Override
  public void step(Runnable pass) {
    library.beginStep(engine);
    try {
      pass.run();
    } finally {
      library.endStep(engine);
    }
  }

  @Override
  public void copy(
      MemorySegment from, long fromFloat, MemorySegment to, long toFloat, long floats) {
    long bytes = JAVA_FLOAT.byteSize() * floats;
    // Slices check their bounds, and need no life for it.
    MemorySegment source = from.asSlice(fromFloat * Float.BYTES, bytes);
    MemorySegment target = to.asSlice(toFloat * Float.BYTES, bytes);
    library.copy(engine, target.address(), source.address(), bytes);
  }

  /** As one launch: rows are words of a table. */
  @Override
  public void gather(
      MemorySegment x,
      long rows,
      long width,
      TokenBatch picked,
      MemorySegment y,
      Workspace workspace) {
    MemorySegment none = MemorySegment.NULL;
    embedding(
        new EmbeddingTables(x, none, none, none, none, rows, 0, 0, width, 0), picked, y, workspace);
  }

  /** A device reads a head so fast that there is none. */
  @Override
  public Optional<Screen> screen(PackedWeight weight, SegmentAllocator memory) {
    return Optional.empty();
  }

  @Override
  public MemorySegment allocate(long bytes) {
    long address = library.allocate(engine, bytes);
    try (Arena dead = Arena.ofConfined()) {
      return withoutLife(address, bytes, dead);
    }
  }

  @SuppressWarnings("restricted")
  private static MemorySegment withoutLife(long address, long bytes, Arena arena) {
    return MemorySegment.ofAddress(address).reinterpret(bytes, arena, null);
  }

  @Override
  public void free(MemorySegment segment) {
    library.free(engine, segment.address());
  }

  /**
   * What a kernel of a device writes lies on the device; the host's addresses mean nothing to it.
   */
  @Override
  void requireReachable(String kernel, String name, MemorySegment tensor) {
    if (tensor.byteSize() > 0 && tensor.scope().isAlive()) {
      throw new IllegalArgumentException(
          kernel + ": " + name + " lies in the host's memory, but must be in the device's");
    }
  }

  /** The address alone: there is no life to check. */
  @Override
  MemorySegment at(MemorySegment tensor) {
    return MemorySegment.ofAddress(tensor.address());
  }
}
