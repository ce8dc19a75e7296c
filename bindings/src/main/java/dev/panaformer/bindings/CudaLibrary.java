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
 * The CUDA library, {@code panaformer_cuda.h}, and the build of the same sources that runs without
 * a GPU. Its engines are used through {@link NativeLibrary}, which is loaded first; a library is
 * loaded when it is first asked for, and never otherwise.
 *
 * <p>The library is the file that the system property {@value #PATH_PROPERTY} or {@value
 * #EMULATED_PATH_PROPERTY} names, or comes, as the CPU's does, from the class path: the jar {@code
 * panaformer-native} with the classifier of this platform and {@code -cuda}.
 *
 * <p>Thread-safe.
 */
public final class CudaLibrary {
  /** System property: the file of the CUDA library. */
  public static final String PATH_PROPERTY = "panaformer.cuda.library.path";

  /** System property: the file of its emulation. */
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
   * @param computeCapability ten times the major version plus the minor
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
   * The library for GPUs, loaded unless it is.
   *
   * @throws NativeLibraryException if there is none, or it is damaged or of another version
   */
  public static synchronized CudaLibrary load() {
    if (cuda == null) {
      cuda = new CudaLibrary(NativeLibrary.locate("panaformer_cuda", PATH_PROPERTY, "-cuda"));
    }
    return cuda;
  }

  /** The library that runs the same kernels on the host; as {@link #load}. */
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
   * How many devices there are.
   *
   * @throws CudaException if there is no driver, or it fails, in its own words
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

  /** Describes device {@code index}; fails as {@link #deviceCount} does. */
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

  /** Starts an engine on device {@code index}; fails as {@link #deviceCount} does. */
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
   * The address of memory of the engine's device.
   *
   * @throws OutOfMemoryError if the device has not so much
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

  /** Frees what {@link #allocate} gave, once all calls before are done. */
  public void free(MemorySegment engine, long memory) {
    try {
      check((int) free.invokeExact(engine, memory));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Copies between addresses of the device and of the host, whichever they are. */
  public void copy(MemorySegment engine, long to, long from, long bytes) {
    try {
      check((int) copy.invokeExact(engine, to, from, bytes));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Sets memory of the device to zeros. */
  public void clear(MemorySegment engine, long memory, long bytes) {
    try {
      check((int) clear.invokeExact(engine, memory, bytes));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** What attention rounds its inputs to, a {@code pf_dtype}. */
  public void setAttention(MemorySegment engine, int dtype) {
    try {
      check((int) setAttention.invokeExact(engine, dtype));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /**
   * Lets cuBLASLt compute products of bfloat16.
   *
   * @throws UnsupportedOperationException if it cannot be loaded, saying why
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

  /** Lets kernels wait until the step ends. */
  public void beginStep(MemorySegment engine) {
    try {
      check((int) stepBegin.invokeExact(engine));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** Launches the kernels of a step. */
  public void endStep(MemorySegment engine) {
    try {
      check((int) stepEnd.invokeExact(engine));
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /** What the last failure on this thread was. */
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
