package dev.panaformer.kernel.engine;

import static dev.panaformer.bindings.panaformer_h.*;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.panaformer.bindings.NativeLibrary;
import dev.panaformer.kernel.memory.GrowableBuffer;
import dev.panaformer.kernel.memory.Limits;
import dev.panaformer.kernel.memory.ScratchPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * An engine of the native library: a thread pool and the kernels for one instruction set. The
 * native implementation of every family calls the library through it.
 *
 * <p>Thread-safe, except that no call may be in flight when it is closed.
 */
public sealed class NativeEngine implements AutoCloseable permits CudaEngine {
  private final MemorySegment engine;
  private final Isa isa;
  private final int threads;
  private final ScratchPool scratch = new ScratchPool();
  private volatile boolean closed;

  /** Takes ownership of an engine that the CPU or the CUDA library has created. */
  NativeEngine(MemorySegment engine) {
    int value = pf_engine_isa(engine);
    this.engine = engine;
    this.isa = Arrays.stream(Isa.values()).filter(i -> i.value() == value).findAny().orElseThrow();
    this.threads = pf_engine_threads(engine);
  }

  /**
   * Loads the native library if it is not loaded yet, and starts an engine.
   *
   * @param isa the instruction set; {@link Isa#AUTO} respects PANAFORMER_ISA
   * @param threads the number of threads that compute, including the caller's; 1 starts no thread
   * @throws dev.panaformer.bindings.NativeLibraryException if there is no library for this machine,
   *     or it is damaged or of another version
   * @throws IllegalArgumentException if {@code threads} is out of range or PANAFORMER_ISA names no
   *     instruction set
   * @throws UnsupportedOperationException if the build, the CPU or the operating system does not
   *     support the instruction set
   */
  public static NativeEngine create(Isa isa, int threads) {
    if (threads < 1 || threads > Limits.MAX_THREADS) {
      throw new IllegalArgumentException(
          "threads is " + threads + ", not in 1 to " + Limits.MAX_THREADS);
    }
    NativeLibrary.load();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment engine = arena.allocate(ADDRESS);
      int status = pf_engine_create(isa.value(), threads, engine);
      if (status != PF_OK()) {
        throw creationFailure(status, isa, threads);
      }
      return new NativeEngine(engine.get(ADDRESS, 0));
    }
  }

  private static RuntimeException creationFailure(int status, Isa isa, int threads) {
    String wanted =
        isa == Isa.AUTO ? "PANAFORMER_ISA=" + System.getenv("PANAFORMER_ISA") : isa.toString();
    if (status == PF_ERROR_ISA_UNKNOWN()) {
      return new IllegalArgumentException(
          wanted + " names no instruction set; known are portable, avx2, avx512, neon");
    }
    if (status == PF_ERROR_ISA_UNAVAILABLE()) {
      return new UnsupportedOperationException(
          wanted
              + ": the native library, the CPU or the operating system does not have this"
              + " instruction set");
    }
    return new IllegalStateException(
        "no engine of " + threads + " threads could be started (status " + status + ")");
  }

  /** Returns the instruction set in use, which is never {@link Isa#AUTO}. */
  public Isa isa() {
    return isa;
  }

  public int threads() {
    return threads;
  }

  /**
   * Returns the engine's pointer, which every function of the library takes.
   *
   * @throws IllegalStateException if the engine is closed
   */
  public MemorySegment pointer() {
    if (closed) {
      throw new IllegalStateException("these kernels are closed");
    }
    return engine;
  }

  /**
   * Returns the segment to pass to a downcall for a tensor. For a tensor in host memory this is the
   * tensor itself.
   */
  public MemorySegment argument(MemorySegment tensor) {
    return tensor;
  }

  /**
   * Checks that the engine can write to a tensor. The CPU can write all host memory, so this method
   * does nothing here.
   *
   * @throws IllegalArgumentException if it cannot
   */
  public void requireWritable(String kernel, String name, MemorySegment tensor) {}

  /**
   * Stores the address of element {@code offset} of a segment in a parameter struct, without
   * allocating a slice.
   */
  public static void address(MemorySegment params, long field, MemorySegment segment, long offset) {
    params.set(JAVA_LONG, field, segment.address() + offset * Float.BYTES);
  }

  /** Returns a scratch buffer for exclusive use until it is released. */
  public GrowableBuffer leaseScratch() {
    return scratch.lease();
  }

  public void releaseScratch(GrowableBuffer buffer) {
    scratch.release(buffer);
  }

  /**
   * Throws unless a call succeeded. Java has already checked the arguments, so any error status
   * other than "unsupported" means a bug in these checks or in the library.
   *
   * @throws UnsupportedOperationException if the device does not have the kernel
   */
  public static void check(String kernel, int status) {
    if (status == PF_ERROR_UNSUPPORTED()) {
      throw new UnsupportedOperationException(kernel + " is not there on this device yet");
    }
    if (status != PF_OK()) {
      throw new IllegalStateException(
          kernel + ": the native library answers with status " + status);
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      pf_engine_destroy(engine);
      scratch.close();
    }
  }
}
