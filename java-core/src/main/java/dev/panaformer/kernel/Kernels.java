package dev.panaformer.kernel;

import dev.panaformer.bindings.NativeLibrary;
import dev.panaformer.bindings.NativeLibraryException;
import dev.panaformer.kernel.Workspace.Buffer;
import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The arithmetic under the models: one method per fused kernel, the same contract for native code
 * and plain Java.
 *
 * <p>Tensors are contiguous float32 in native byte order unless strides are given; sizes count
 * elements. An absent tensor is {@link MemorySegment#NULL}. Segments may be longer than a call
 * needs. Every implementation checks shapes before it computes and throws {@link
 * IllegalArgumentException} naming the argument, the expected and the received size; ids outside
 * their table are {@link IndexOutOfBoundsException}. Nothing is allocated per call.
 *
 * <p>All methods may be called by any number of threads at once, with distinct outputs and
 * workspaces. Results do not depend on the number of threads, nor, for a sequence, on its batch.
 */
public sealed interface Kernels extends AutoCloseable permits NativeKernels, JavaKernels {

  /**
   * Opens the fastest kernels for the processor: native ones or, where there is no native library,
   * those in Java, of which the first warns in the log.
   *
   * @param threads how many threads compute, the caller's among them
   */
  static Kernels best(int threads) {
    Optional<NativeLibraryException> missing = NativeLibrary.tryLoad();
    if (missing.isEmpty()) {
      return NativeKernels.create(Isa.AUTO, threads);
    }
    JavaKernels.warnOnce(missing.get());
    return new JavaKernels();
  }

  /** What computes, for people: backend, instruction set, threads. */
  String description();

  /**
   * Memory for tensors, where these kernels read and write them: {@code host} itself, or, of
   * kernels that compute elsewhere, memory there in its place; {@code host} is closed then. It is
   * closed before the kernels are.
   */
  default NativeMemory memory(NativeMemory host) {
    return host;
  }

  /**
   * A tensor that Java writes.
   *
   * @param memory of {@link #memory}, which the result lies in
   * @param fill gets an allocator of the host's memory and returns the tensor in it, written
   */
  default MemorySegment place(
      SegmentAllocator memory, Function<SegmentAllocator, MemorySegment> fill) {
    return fill.apply(memory);
  }

  /**
   * The first elements of a tensor where Java can read and write them, once they are computed: the
   * tensor itself, or a copy that stays until the workspace's next one.
   */
  default MemorySegment onHost(MemorySegment tensor, long floats, Workspace workspace) {
    return tensor;
  }

  /**
   * Lets Java write the first elements of a tensor: in place, or elsewhere and then copied there.
   *
   * @param values is given room for so many floats
   */
  default void write(
      MemorySegment tensor, long floats, Workspace workspace, Consumer<MemorySegment> values) {
    values.accept(tensor);
  }

  /** Sets floats of a tensor to 0. */
  default void clear(MemorySegment tensor, long fromFloat, long floats) {
    tensor.asSlice(fromFloat * Float.BYTES, floats * Float.BYTES).fill((byte) 0);
  }

  /**
   * Copies floats from one tensor to another, or within one without overlap; the source may be the
   * host's.
   */
  default void copy(
      MemorySegment from, long fromFloat, MemorySegment to, long toFloat, long floats) {
    MemorySegment.copy(
        from, fromFloat * Float.BYTES, to, toFloat * Float.BYTES, floats * Float.BYTES);
  }

  /**
   * Picks rows of a tensor: {@code y[i] = x[ids[i]]}.
   *
   * @param x {@code [rows, width]}
   * @param picked the ids are rows of x
   * @param y {@code [tokens, width]} of the batch; does not overlap x
   */
  default void gather(
      MemorySegment x,
      long rows,
      long width,
      TokenBatch picked,
      MemorySegment y,
      Workspace workspace) {
    for (int i = 0; i < picked.tokens(); i++) {
      copy(x, Objects.checkIndex(picked.id(i), rows) * width, y, i * width, width);
    }
  }

  /** {@link #gather Picks} rows of a tensor into its first rows, by way of the pooled ones. */
  default void keep(
      MemorySegment x, long rows, long width, TokenBatch picked, Workspace workspace) {
    long floats = picked.tokens() * width;
    MemorySegment y = workspace.floats(Buffer.POOLED, floats);
    gather(x, rows, width, picked, y, workspace);
    copy(y, 0, x, 0, floats);
  }

  /**
   * Runs a pass that will come again with the same kernels, as a step of decoding does: a device
   * launches them as one.
   */
  default void step(Runnable pass) {
    pass.run();
  }

  /**
   * Brings a weight {@code [out, in]} into the form that {@link #linear} reads.
   *
   * @param name for messages
   * @param weight {@code [out, in]}, the host's or of {@link #memory}
   * @param dtype the floats that it holds
   * @param allocator gives the memory of the result and so decides how long it lives
   */
  PackedWeight pack(
      String name,
      MemorySegment weight,
      DType dtype,
      long out,
      long in,
      Precision precision,
      SegmentAllocator allocator);

  /**
   * {@link #pack} for a weight that few rows at a time are multiplied by, as in the steps of a
   * decoder. Results are the same to the last bit; few rows may take less time, and many more.
   */
  default PackedWeight packForFewRows(
      String name,
      MemorySegment weight,
      DType dtype,
      long out,
      long in,
      Precision precision,
      NativeMemory memory) {
    return pack(name, weight, dtype, out, in, precision, memory);
  }

  /** A weight as {@link #packForFewRows} would have it: itself, or another one in the memory. */
  default PackedWeight forFewRows(PackedWeight weight, NativeMemory memory) {
    return weight;
  }

  /** {@link #pack} of float32 in {@link Precision#FP32}. */
  default PackedWeight pack(
      String name, MemorySegment weight, long out, long in, SegmentAllocator allocator) {
    return pack(name, weight, DType.F32, out, in, Precision.FP32, allocator);
  }

  /**
   * A weight that was packed before and comes from elsewhere, a mapped file for one; nothing is
   * copied.
   *
   * @param packed aligned to {@link NativeMemory#ALIGNMENT}
   * @param precision any but {@link Precision#FP32}, whose layout is not the same everywhere
   * @throws IllegalArgumentException if it is not such a weight of this shape
   */
  PackedWeight packed(String name, MemorySegment packed, long out, long in, Precision precision);

  /** {@code y = LayerNorm(word[id] + position[p] + tokenType[t])}; see {@link EmbeddingTables}. */
  void embedding(EmbeddingTables tables, TokenBatch batch, MemorySegment y, Workspace workspace);

  /**
   * The patches of images, each through a linear layer: {@code patch Wᵀ + bias + position}.
   *
   * @param x {@code [images, channels, height, width]}, or with the channels last as the grid says
   * @param positions {@code [patches, out]}, added to the patches of every image; may be absent
   * @param y the patches of image i from {@code i * yImageStride} on, {@code [patches, out]}
   */
  void patchEmbedding(
      MemorySegment x,
      long images,
      PatchGrid grid,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment positions,
      MemorySegment y,
      long yImageStride,
      Workspace workspace);

  /**
   * {@code activation} of the weighted sum of the neighbours of each place, channel by channel,
   * with 0 outside of the image.
   *
   * @param x {@code [images, height, width, channels]}
   * @param weight {@code [kernel, kernel, channels]}, of an odd kernel
   * @param y as x, which it must not overlap
   */
  void depthwiseConv(
      MemorySegment x,
      MemorySegment weight,
      MemorySegment bias,
      MemorySegment y,
      long images,
      long height,
      long width,
      long channels,
      long kernel,
      Activation activation,
      Workspace workspace);

  /**
   * Images at another resolution, without a filter against aliasing, pixels being areas (PyTorch's
   * {@code align_corners=False}).
   *
   * @param x {@code [images, height, width, channels]}
   * @param y {@code [images, yHeight, yWidth, yPixelStride]}, of which {@code channels} are written
   */
  void interpolate(
      MemorySegment x,
      long images,
      long height,
      long width,
      long channels,
      MemorySegment y,
      long yHeight,
      long yWidth,
      long yPixelStride,
      Interpolation interpolation,
      Workspace workspace);

  /**
   * {@code y = activation(x Wᵀ + bias) + residual}, x {@code [tokens, in]}, y {@code [tokens,
   * out]}.
   */
  void linear(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Activation activation);

  /** {@code y = activation(x upᵀ + upBias) downᵀ + downBias + residual}; see {@code pf_ffn}. */
  void feedForward(
      MemorySegment x,
      PackedWeight up,
      MemorySegment upBias,
      PackedWeight down,
      MemorySegment downBias,
      Activation activation,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Workspace workspace);

  /**
   * {@code y = (activation(x gateᵀ + gateBias) * (x upᵀ + upBias)) downᵀ + downBias + residual}
   * (Shazeer 2020).
   *
   * @param y may be {@code residual}
   */
  void gatedFeedForward(
      MemorySegment x,
      PackedWeight gate,
      MemorySegment gateBias,
      PackedWeight up,
      MemorySegment upBias,
      PackedWeight down,
      MemorySegment downBias,
      Activation activation,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Workspace workspace);

  /**
   * Turns the pairs {@code (x[i], x[i + rotaryDim / 2])} of every head by the angles of its token's
   * position, in place.
   *
   * @param x element (token, head, feature) at {@code token * tokenStride + head * headStride +
   *     feature}
   */
  void rope(
      RotaryTables tables,
      MemorySegment x,
      TokenBatch batch,
      long heads,
      long tokenStride,
      long headStride,
      Workspace workspace);

  /**
   * Writes the keys and values of a pass into a layer of the cache.
   *
   * @param qkv rows of {@code tokenStride} floats, with the keys from {@code keys} on and the
   *     values right behind them, {@code kvHeads * headDim} each
   */
  void kvStore(
      MemorySegment qkv,
      long keys,
      long tokenStride,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      Workspace workspace);

  /** {@link #pagedAttention} of all tokens of a pass that adds nothing to the scores. */
  default void pagedAttention(
      MemorySegment q,
      long tokenStride,
      MemorySegment y,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      long heads,
      float scale,
      long window,
      Workspace workspace) {
    pagedAttention(
        q, tokenStride, y, batch, cache, layer, heads, scale, window, DistanceBias.NONE, workspace);
  }

  /** {@link #pagedAttention} of all tokens of a pass. */
  default void pagedAttention(
      MemorySegment q,
      long tokenStride,
      MemorySegment y,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      long heads,
      float scale,
      long window,
      DistanceBias bias,
      Workspace workspace) {
    pagedAttention(
        q,
        tokenStride,
        y,
        batch,
        batch.tokens(),
        cache,
        layer,
        heads,
        scale,
        window,
        bias,
        workspace);
  }

  /**
   * Causal attention of tokens of a pass over all that the cache has of their sequences. What a
   * token gets does not depend on how its sequence was spread over passes.
   *
   * @param q rows of {@code tokenStride} floats that begin with the queries, {@code heads *
   *     headDim}
   * @param y {@code [tokens of queries, heads * headDim]}
   * @param queries the last tokens of each sequence of the batch, or none of it
   * @param window how many tokens a query sees, its own included; 0 for all
   */
  void pagedAttention(
      MemorySegment q,
      long tokenStride,
      MemorySegment y,
      DecoderBatch batch,
      TokenBatch queries,
      KvCache cache,
      int layer,
      long heads,
      float scale,
      long window,
      DistanceBias bias,
      Workspace workspace);

  /**
   * Attention of a pass's tokens over all keys of their sequences' sources.
   *
   * @param q {@code [tokens, heads * headDim]}
   * @param y {@code [tokens, heads * headDim]}
   * @param batch every sequence of it has a source
   */
  void crossAttention(
      MemorySegment q,
      MemorySegment y,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      long heads,
      float scale,
      Workspace workspace);

  /**
   * The largest of each row of logits, in descending order, equal ones by ascending id.
   *
   * @param logits {@code [rows, columns]}
   * @param inverseTemperatures {@code [rows]}
   * @param values {@code [rows, count]}; NaN for a row that has one
   * @param ids int32 {@code [rows, count]}; -1 for such a row
   * @param logSumExp {@code [rows]}, of all logits of the row times its inverse temperature
   */
  void topK(
      MemorySegment logits,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long rows,
      long columns,
      long count);

  /** {@link #linearTopK} without bias. */
  default void linearTopK(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long tokens,
      long count,
      Workspace workspace) {
    linearTopK(
        x,
        weight,
        MemorySegment.NULL,
        inverseTemperatures,
        values,
        ids,
        logSumExp,
        tokens,
        count,
        workspace);
  }

  /** {@link #topK} of {@code x weightᵀ + bias}, which is not kept. */
  void linearTopK(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long tokens,
      long count,
      Workspace workspace);

  /**
   * A screen of a head, if these kernels have any for a weight like it.
   *
   * @param memory where it goes
   */
  default Optional<Screen> screen(PackedWeight weight, SegmentAllocator memory) {
    return Optional.empty();
  }

  /**
   * The best of {@link #linearTopK}, without the logarithms of sums: what a screen makes faster.
   *
   * @param screen of the weight, made by these kernels; or absent, where there is none
   * @return how many of the {@code out} columns were computed: fewer than all if the screen left
   *     the others out
   */
  long linearBest(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      Optional<Screen> screen,
      MemorySegment values,
      MemorySegment ids,
      long tokens,
      long count,
      Workspace workspace);

  /** {@code y = softmax(scale q kᵀ + bias) v} per sequence and head; see {@link Attention}. */
  void attention(Attention attention, Workspace workspace);

  /**
   * Self-attention over a fixed number of projected keys and values: {@code softmax(scale q (E k)ᵀ)
   * (F v)} per sequence and head, in time and memory that grow with the tokens alone; see {@code
   * pf_linformer_attention}.
   *
   * @param qkv {@code [tokens, 3 * heads * headDim]}: queries, keys, values
   * @param batch whose positions, below those of the projections, choose their rows
   * @param y {@code [tokens, heads * headDim]}
   */
  void linformerAttention(
      MemorySegment qkv,
      SequenceProjections projections,
      TokenBatch batch,
      MemorySegment y,
      long heads,
      long headDim,
      float scale,
      Workspace workspace);

  /**
   * Self-attention by random features: {@code Σ f(q) f(k) v / Σ f(q) f(k)} per sequence and head,
   * summed over the keys first, in time that grows with the tokens alone; see {@code
   * pf_performer_attention}.
   *
   * @param qkv {@code [tokens, 3 * heads * headDim]}: queries, keys, values
   * @param causal whether a query sees the keys up to its own only
   * @param y {@code [tokens, heads * headDim]}
   */
  void performerAttention(
      MemorySegment qkv,
      RandomFeatures features,
      TokenBatch batch,
      MemorySegment y,
      long heads,
      boolean causal,
      Workspace workspace);

  /**
   * {@code y = softmax(scale q kᵀ) v} over the keys that each query's list says; see {@link
   * KeyLists}. A query that sees no key gets zeros.
   *
   * @param attention without bias or causal mask; its sequences are what the lists make of them
   */
  void sparseAttention(Attention attention, KeyLists lists, Workspace workspace);

  /** {@code y = LayerNorm(x + residual) weight + bias} over rows of {@code hidden}. */
  void layerNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment bias,
      MemorySegment y,
      long tokens,
      long hidden,
      float eps);

  /**
   * {@code y = z / sqrt(mean(z²) + eps) weight} with {@code z = x + residual}, over rows of {@code
   * hidden}.
   */
  void rmsNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment y,
      long tokens,
      long hidden,
      float eps);

  /** Softmax over each row of {@code columns}. */
  void softmax(MemorySegment x, MemorySegment y, long rows, long columns);

  /** {@code y[i] = activation(x[i])}. */
  void activate(MemorySegment x, MemorySegment y, long count, Activation activation);

  /** One vector a sequence: x {@code [tokens, hidden]}, y {@code [sequences, hidden]}. */
  void pool(
      MemorySegment x,
      TokenBatch batch,
      MemorySegment y,
      long hidden,
      Pooling pooling,
      boolean normalize);

  /** Frees the threads. No call may be in flight. */
  @Override
  void close();
}
