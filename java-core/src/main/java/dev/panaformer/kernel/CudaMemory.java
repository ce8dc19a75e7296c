package dev.panaformer.kernel;

import dev.panaformer.kernel.embedding.EmbeddingKernels;
import dev.panaformer.kernel.engine.CudaEngine;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.function.Consumer;
import java.util.function.Function;

/** Tensors in the memory of a CUDA device. */
final class CudaMemory implements TensorMemory {
  private final CudaEngine engine;
  private final EmbeddingKernels embedding;

  CudaMemory(CudaEngine engine, EmbeddingKernels embedding) {
    this.engine = engine;
    this.embedding = embedding;
  }

  @Override
  public NativeMemory allocator(NativeMemory host) {
    host.close();
    return new NativeMemory(engine);
  }

  @Override
  public MemorySegment place(
      SegmentAllocator memory, Function<SegmentAllocator, MemorySegment> fill) {
    try (Arena host = Arena.ofConfined()) {
      MemorySegment filled = fill.apply(host);
      MemorySegment placed = memory.allocate(filled.byteSize(), NativeMemory.ALIGNMENT);
      engine.copy(placed.address(), filled.address(), filled.byteSize());
      return placed;
    }
  }

  /** Copies a tensor from the device. A tensor in host memory is returned unchanged. */
  @Override
  public MemorySegment onHost(MemorySegment tensor, long floats, Workspace workspace) {
    if (CudaEngine.isOnHost(tensor)) {
      return tensor;
    }
    long bytes = floats * Float.BYTES;
    MemorySegment host = workspace.onHost(bytes);
    if (tensor.byteSize() < bytes) {
      throw new IndexOutOfBoundsException(
          "a tensor of " + tensor.byteSize() + " bytes is read for " + bytes);
    }
    engine.copy(host.address(), tensor.address(), bytes);
    return host;
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
    engine.clear(cleared.address(), cleared.byteSize());
  }

  @Override
  public void copy(
      MemorySegment from, long fromFloat, MemorySegment to, long toFloat, long floats) {
    long bytes = floats * Float.BYTES;
    // asSlice checks the bounds even though the arena of device memory is closed.
    MemorySegment source = from.asSlice(fromFloat * Float.BYTES, bytes);
    MemorySegment target = to.asSlice(toFloat * Float.BYTES, bytes);
    engine.copy(target.address(), source.address(), bytes);
  }

  /** Gathers all rows with one kernel launch. */
  @Override
  public void gather(
      MemorySegment x, long width, RowOrder rows, MemorySegment y, Workspace workspace) {
    embedding.gather(x, MemorySegment.NULL, NormWeights.absent(width), rows, y, workspace);
  }
}
