package dev.panaformer.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * The CUDA library ({@code panaformer_cuda.h}), or its emulation, which is the same sources built
 * to run without a GPU. Each is loaded when it is first requested. Engines that it creates are used
 * through the generated bindings, so {@link NativeLibrary} must be loaded first.
 *
 * <p>The system property {@value #PATH_PROPERTY} or {@value #EMULATED_PATH_PROPERTY} names the
 * library file. Without the property, the library comes from the class path like the CPU's, from
 * the jar {@code panaformer-native} whose classifier is the platform followed by {@code -cuda} or
 * {@code -cuda-emulated}.
 *
 * <p>Thread-safe.
 */
public final class CudaLibrary {
  /** System property: the file of the CUDA library. */
  public static final String PATH_PROPERTY = "panaformer.cuda.library.path";

  /** System property: the file of the emulation. */
  public static final String EMULATED_PATH_PROPERTY = "panaformer.cuda.emulated.library.path";

  private static final MemoryLayout DEVICE =
      MemoryLayout.structLayout(
          MemoryLayout.sequenceLayout(256, JAVA_BYTE).withName("name"),
          JAVA_LONG.withName("memory_bytes"),
          JAVA_INT.withName("compute_capability"),
          JAVA_INT.withName("multiprocessors"));

  private static CudaLibrary cuda;
  private static CudaLibrary emulated;

  private final MethodHandle deviceCount;
  private final MethodHandle deviceDescribe;
  private final MethodHandle error;
  private final MethodHandle engineCreate;
  private final MethodHandle allocate;
  private final MethodHandle free;
  private final MethodHandle copy;
  private final MethodHandle clear;
  private final MethodHandle stepBegin;
  private final MethodHandle stepEnd;
  private final MethodHandle setAttention;
  private final MethodHandle setLibrary;

  /**
   * A CUDA device.
   *
   * @param name the name of the device
   * @param memoryBytes the size of its memory
   * @param computeCapability ten times the major version plus the minor version
   */
  public record Description(String name, long memoryBytes, int computeCapability) {}

  private CudaLibrary(Path file) {
    SymbolLookup symbols = NativeLibrary.lookup(file);
    FunctionDescriptor pointer = FunctionDescriptor.of(JAVA_INT, ADDRESS);
    deviceCount = handle(symbols, "pf_cuda_device_count", pointer);
    deviceDescribe =
        handle(
            symbols, "pf_cuda_device_describe", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    error = handle(symbols, "pf_cuda_error", FunctionDescriptor.of(ADDRESS));
    engineCreate =
        handle(
            symbols, "pf_cuda_engine_create", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    allocate =
        handle(
            symbols,
            "pf_cuda_allocate",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    free = handle(symbols, "pf_cuda_free", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    copy =
        handle(
            symbols,
            "pf_cuda_copy",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    clear =
        handle(
            symbols,
            "pf_cuda_clear",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG));
    stepBegin = handle(symbols, "pf_cuda_step_begin", pointer);
    stepEnd = handle(symbols, "pf_cuda_step_end", pointer);
    FunctionDescriptor option = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT);
    setAttention = handle(symbols, "pf_cuda_set_attention", option);
    setLibrary = handle(symbols, "pf_cuda_set_library", option);
  }

  private static MethodHandle handle(
      SymbolLookup symbols, String name, FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(symbols.find(name).orElseThrow(), descriptor);
  }

  /**
   * Returns the library for GPUs. Loads it if it is not loaded yet.
   *
   * @throws NativeLibraryException if the library is missing, damaged or of another version
   */
  public static synchronized CudaLibrary load() {
    if (cuda == null) {
      cuda = new CudaLibrary(NativeLibrary.locate("panaformer_cuda", PATH_PROPERTY, "-cuda"));
    }
    return cuda;
  }

  /**
   * Returns the emulation, which runs the same kernels on the host. Otherwise like {@link #load}.
   */
  public static synchronized CudaLibrary loadEmulated() {
    if (emulated == null) {
      emulated =
          new CudaLibrary(
              NativeLibrary.locate(
                  "panaformer_cuda_emulated", EMULATED_PATH_PROPERTY, "-cuda-emulated"));
    }
    return emulated;
  }

  /**
   * Returns the number of devices.
   *
   * @throws CudaException with the driver's message if there is no driver or it fails
   */
  public int deviceCount() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_INT);
      check((int) deviceCount.invokeExact(count));
      return count.get(JAVA_INT, 0);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /**
   * Describes device {@code index}.
   *
   * @throws CudaException as {@link #deviceCount}
   */
  public Description describe(int index) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment device = arena.allocate(DEVICE);
      check((int) deviceDescribe.invokeExact(index, device));
      return new Description(
          device.getString(0),
          device.get(JAVA_LONG, DEVICE.byteOffset(PathElement.groupElement("memory_bytes"))),
          device.get(JAVA_INT, DEVICE.byteOffset(PathElement.groupElement("compute_capability"))));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /**
   * Creates an engine on device {@code index}.
   *
   * @throws CudaException as {@link #deviceCount}
   */
  public MemorySegment createEngine(int index) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment engine = arena.allocate(ADDRESS);
      check((int) engineCreate.invokeExact(index, engine));
      return engine.get(ADDRESS, 0);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /**
   * Allocates memory on the engine's device and returns its address.
   *
   * @throws OutOfMemoryError if the device has too little free memory
   */
  public long allocate(MemorySegment engine, long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(ADDRESS);
      int status = (int) allocate.invokeExact(engine, bytes, memory);
      if (status == panaformer_h.PF_ERROR_OUT_OF_MEMORY()) {
        throw new OutOfMemoryError("the device has no room for " + bytes + " bytes");
      }
      check(status);
      return memory.get(ADDRESS, 0).address();
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Frees memory of {@link #allocate} after all previous calls have finished. */
  public void free(MemorySegment engine, long memory) {
    try {
      check((int) free.invokeExact(engine, memory));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Copies bytes. Each address may be in device or host memory. */
  public void copy(MemorySegment engine, long to, long from, long bytes) {
    try {
      check((int) copy.invokeExact(engine, to, from, bytes));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Sets device memory to zero. */
  public void clear(MemorySegment engine, long memory, long bytes) {
    try {
      check((int) clear.invokeExact(engine, memory, bytes));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Sets the type to which attention rounds its inputs, a {@code pf_dtype}. */
  public void setAttentionType(MemorySegment engine, int dtype) {
    try {
      check((int) setAttention.invokeExact(engine, dtype));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /**
   * Lets cuBLASLt compute linear layers with bfloat16 weights and more than 64 tokens.
   *
   * @throws UnsupportedOperationException if cuBLASLt cannot be loaded; the message says why
   */
  public void useCublas(MemorySegment engine) {
    try {
      int status = (int) setLibrary.invokeExact(engine, 1);
      if (status == panaformer_h.PF_ERROR_UNSUPPORTED()) {
        throw new UnsupportedOperationException(error());
      }
      check(status);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /**
   * Begins a step. Its kernels wait until {@link #endStep}, or until a call copies or returns data.
   */
  public void beginStep(MemorySegment engine) {
    try {
      check((int) stepBegin.invokeExact(engine));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Ends a step and launches its waiting kernels as one graph. */
  public void endStep(MemorySegment engine) {
    try {
      check((int) stepEnd.invokeExact(engine));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Returns the message of the last failure on this thread. */
  @SuppressWarnings("restricted")
  public String error() {
    try {
      return ((MemorySegment) error.invokeExact()).reinterpret(256).getString(0);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  private void check(int status) {
    if (status != panaformer_h.PF_OK()) {
      throw new CudaException(
          status == panaformer_h.PF_ERROR_DEVICE() ? error() : "status " + status);
    }
  }

  private static RuntimeException unchecked(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return e instanceof RuntimeException runtime ? runtime : new IllegalStateException(e);
  }
}
