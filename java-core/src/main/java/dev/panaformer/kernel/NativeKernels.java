package dev.panaformer.kernel;

import static dev.panaformer.bindings.panaformer_h.*;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.panaformer.bindings.NativeLibrary;
import dev.panaformer.bindings.pf_attention_params;
import dev.panaformer.bindings.pf_depthwise_conv_params;
import dev.panaformer.bindings.pf_embedding_params;
import dev.panaformer.bindings.pf_ffn_params;
import dev.panaformer.bindings.pf_interpolate_params;
import dev.panaformer.bindings.pf_kv_store_params;
import dev.panaformer.bindings.pf_linear_top_k_params;
import dev.panaformer.bindings.pf_linformer_attention_params;
import dev.panaformer.bindings.pf_paged_attention_params;
import dev.panaformer.bindings.pf_patch_embedding_params;
import dev.panaformer.bindings.pf_performer_attention_params;
import dev.panaformer.bindings.pf_rope_params;
import dev.panaformer.bindings.pf_sparse_attention_params;
import dev.panaformer.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Locale;
import java.util.Optional;

/**
 * The kernels in C, on an engine of their own: a thread pool and the code for one instruction set.
 * The only class that calls the bindings; every argument has been checked against its segment when
 * it does.
 */
public sealed class NativeKernels implements Kernels permits CudaKernels {
  private final MemorySegment engine;
  private final Isa isa;
  private final int threads;
  private final ScratchPool scratch = new ScratchPool();
  private volatile boolean closed;

  /** Takes an engine over, whichever library made it. */
  NativeKernels(MemorySegment engine) {
    this.engine = engine;
    this.isa = Isa.values()[pf_engine_isa(engine)];
    this.threads = pf_engine_threads(engine);
  }

  /**
   * Loads the native library, if need be, and starts an engine.
   *
   * @param isa what to run on; {@link Isa#AUTO} respects PANAFORMER_ISA
   * @param threads how many threads compute, the caller's among them: 1 starts none
   * @throws dev.panaformer.bindings.NativeLibraryException if there is no library for this machine,
   *     or it is damaged or of another version
   * @throws IllegalArgumentException if {@code threads} is out of range or PANAFORMER_ISA names no
   *     instruction set
   * @throws UnsupportedOperationException if the build, the CPU or the operating system lacks the
   *     instruction set
   */
  public static NativeKernels create(Isa isa, int threads) {
    if (threads < 1 || threads > PF_MAX_THREADS()) {
      throw new IllegalArgumentException(
          "threads is " + threads + ", not in 1 to " + PF_MAX_THREADS());
    }
    NativeLibrary.load();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment engine = arena.allocate(ADDRESS);
      int status = pf_engine_create(isa.ordinal(), threads, engine);
      if (status != PF_OK()) {
        throw creationFailure(status, isa, threads);
      }
      return new NativeKernels(engine.get(ADDRESS, 0));
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

  /** The instruction set in use, never {@link Isa#AUTO}. */
  public Isa isa() {
    return isa;
  }

  public int threads() {
    return threads;
  }

  @Override
  public String description() {
    return "native "
        + isa.name().toLowerCase(Locale.ROOT)
        + ", "
        + threads
        + (threads == 1 ? " thread" : " threads");
  }

  @Override
  public PackedWeight pack(
      String name,
      MemorySegment weight,
      DType dtype,
      long out,
      long in,
      Precision precision,
      SegmentAllocator allocator) {
    Arguments.pack(name, weight, dtype, out, in, precision);
    MemorySegment packed;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(JAVA_LONG);
      check(
          "pack in " + precision,
          pf_linear_packed_size(engine(), out, in, precision.ordinal(), bytes));
      packed = allocator.allocate(bytes.get(JAVA_LONG, 0), PF_ALIGNMENT());
    }
    int floats =
        switch (dtype) {
          case F16 -> PF_DTYPE_FP16();
          case BF16 -> PF_DTYPE_BF16();
          default -> PF_DTYPE_FP32();
        };
    check(
        "pack",
        pf_linear_pack(engine(), at(weight), floats, at(packed), out, in, precision.ordinal()));
    return new PackedWeight(name, packed, out, in, precision);
  }

  @Override
  public PackedWeight packForFewRows(
      String name,
      MemorySegment weight,
      DType dtype,
      long out,
      long in,
      Precision precision,
      NativeMemory memory) {
    long bytes = compactBytes(out, in, precision);
    if (bytes == 0) {
      return pack(name, weight, dtype, out, in, precision, memory);
    }
    try (NativeMemory staging = NativeMemory.ofSegment(bytes)) {
      PackedWeight packed = pack(name, weight, dtype, out, in, precision, staging);
      MemorySegment room = memory.allocate(bytes, PF_ALIGNMENT());
      return packCompact(packed, room, memory)
          .orElseGet(
              () -> new PackedWeight(name, room.copyFrom(packed.segment()), out, in, precision));
    }
  }

  @Override
  public PackedWeight forFewRows(PackedWeight weight, NativeMemory memory) {
    long bytes = compactBytes(weight.out(), weight.in(), weight.precision());
    if (bytes == 0) {
      return weight;
    }
    MemorySegment room = memory.allocate(bytes, PF_ALIGNMENT());
    return packCompact(weight, room, memory).orElse(weight);
  }

  /** 0 where the engine has no layout for few rows. */
  private long compactBytes(long out, long in, Precision precision) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(JAVA_LONG);
      int status = pf_linear_compact_size(engine(), out, in, precision.ordinal(), bytes);
      // What is wrong with the weight, packing says.
      return status == PF_OK() ? bytes.get(JAVA_LONG, 0) : 0;
    }
  }

  /**
   * Empty for a weight that is better left as it is.
   *
   * @param room the last segment of the memory, which gets back what is not needed of it
   */
  private Optional<PackedWeight> packCompact(
      PackedWeight weight, MemorySegment room, NativeMemory memory) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment used = arena.allocate(JAVA_LONG);
      int status =
          pf_linear_compact_pack(
              engine(), at(weight.segment()), at(room), weight.out(), weight.in(), used);
      if (status == PF_ERROR_UNSUPPORTED()) {
        return Optional.empty();
      }
      check("packForFewRows", status, weight);
      MemorySegment compact = memory.trim(room, used.get(JAVA_LONG, 0));
      return Optional.of(
          new PackedWeight(weight.name(), compact, weight.out(), weight.in(), weight.precision()));
    }
  }

  @Override
  public PackedWeight packed(
      String name, MemorySegment packed, long out, long in, Precision precision) {
    Arguments.packed(name, packed, out, in, precision);
    int status =
        pf_linear_packed_check(
            engine(), at(packed), packed.byteSize(), out, in, precision.ordinal());
    if (status == PF_ERROR_PACKED_WEIGHTS()) {
      throw Arguments.notPacked(name, out, in, precision);
    }
    check("packed", status);
    return new PackedWeight(name, packed, out, in, precision);
  }

  @Override
  public void embedding(
      EmbeddingTables tables, TokenBatch batch, MemorySegment y, Workspace workspace) {
    Arguments.embedding(tables, batch, y);
    requireReachable("embedding", "y", y);
    MemorySegment params = workspace.parameters();
    pf_embedding_params.word_table(params, tables.word());
    pf_embedding_params.word_packed(
        params, tables.packedWord().map(PackedWeight::segment).orElse(MemorySegment.NULL));
    pf_embedding_params.word_scale(params, tables.wordScale());
    pf_embedding_params.position_table(
        params, tables.positions() > 0 ? tables.position() : MemorySegment.NULL);
    pf_embedding_params.token_type_table(
        params, tables.tokenTypes() > 0 ? tables.tokenType() : MemorySegment.NULL);
    pf_embedding_params.weight(params, tables.weight());
    pf_embedding_params.bias(params, tables.bias());
    pf_embedding_params.ids(params, batch.ids());
    pf_embedding_params.position_ids(params, batch.positionIds());
    pf_embedding_params.token_type_ids(params, batch.tokenTypeIds());
    pf_embedding_params.y(params, y);
    pf_embedding_params.tokens(params, batch.tokens());
    pf_embedding_params.hidden(params, tables.hidden());
    pf_embedding_params.vocab(params, tables.vocab());
    pf_embedding_params.positions(params, tables.positions());
    pf_embedding_params.token_types(params, tables.tokenTypes());
    pf_embedding_params.eps(params, tables.eps());
    int status = pf_embedding(engine(), params);
    if (status == PF_ERROR_INDEX()) {
      tables.requireRows(batch);
    }
    check("embedding", status);
  }

  @Override
  public void patchEmbedding(
      MemorySegment x,
      long images,
      PatchGrid grid,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment positions,
      MemorySegment y,
      long yImageStride,
      Workspace workspace) {
    ImageArguments.patchEmbedding(x, images, grid, weight, bias, positions, y, yImageStride);
    requireReachable("patchEmbedding", "y", y);
    MemorySegment params = workspace.parameters();
    check("patchEmbedding", pf_patch_embedding_workspace_size(engine(), grid.values(), params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pf_patch_embedding_params.x(params, x);
    pf_patch_embedding_params.packed(params, weight.segment());
    pf_patch_embedding_params.bias(params, bias);
    pf_patch_embedding_params.positions(params, positions);
    pf_patch_embedding_params.y(params, y);
    pf_patch_embedding_params.y_image_stride(params, yImageStride);
    pf_patch_embedding_params.images(params, images);
    pf_patch_embedding_params.channels(params, grid.channels());
    pf_patch_embedding_params.height(params, grid.height());
    pf_patch_embedding_params.width(params, grid.width());
    pf_patch_embedding_params.patch_height(params, grid.patchHeight());
    pf_patch_embedding_params.patch_width(params, grid.patchWidth());
    pf_patch_embedding_params.stride_height(params, grid.strideHeight());
    pf_patch_embedding_params.stride_width(params, grid.strideWidth());
    pf_patch_embedding_params.padding(params, grid.padding());
    pf_patch_embedding_params.grid_height(params, grid.rows());
    pf_patch_embedding_params.grid_width(params, grid.columns());
    pf_patch_embedding_params.n(params, weight.out());
    pf_patch_embedding_params.channels_last(params, grid.channelsLast() ? 1 : 0);
    pf_patch_embedding_params.workspace(params, scratch);
    pf_patch_embedding_params.workspace_bytes(params, scratch.byteSize());
    check("patchEmbedding", pf_patch_embedding(engine(), params), weight);
  }

  @Override
  public void depthwiseConv(
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
      Workspace workspace) {
    ImageArguments.depthwiseConv(x, weight, bias, y, images, height, width, channels, kernel);
    requireReachable("depthwiseConv", "y", y);
    MemorySegment params = workspace.parameters();
    pf_depthwise_conv_params.x(params, x);
    pf_depthwise_conv_params.weight(params, weight);
    pf_depthwise_conv_params.bias(params, bias);
    pf_depthwise_conv_params.y(params, y);
    pf_depthwise_conv_params.images(params, images);
    pf_depthwise_conv_params.height(params, height);
    pf_depthwise_conv_params.width(params, width);
    pf_depthwise_conv_params.channels(params, channels);
    pf_depthwise_conv_params.kernel(params, kernel);
    pf_depthwise_conv_params.activation(params, activation.ordinal());
    check("depthwiseConv", pf_depthwise_conv(engine(), params));
  }

  @Override
  public void interpolate(
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
      Workspace workspace) {
    ImageArguments.interpolate(
        x, images, height, width, channels, y, yHeight, yWidth, yPixelStride);
    requireReachable("interpolate", "y", y);
    MemorySegment params = workspace.parameters();
    pf_interpolate_params.x(params, x);
    pf_interpolate_params.y(params, y);
    pf_interpolate_params.y_pixel_stride(params, yPixelStride);
    pf_interpolate_params.images(params, images);
    pf_interpolate_params.height(params, height);
    pf_interpolate_params.width(params, width);
    pf_interpolate_params.channels(params, channels);
    pf_interpolate_params.y_height(params, yHeight);
    pf_interpolate_params.y_width(params, yWidth);
    pf_interpolate_params.interpolation(params, interpolation.ordinal());
    check("interpolate", pf_interpolate(engine(), params));
  }

  @Override
  public void linear(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Activation activation) {
    Arguments.linear(x, weight, bias, residual, y, tokens);
    requireReachable("linear", "y", y);
    if (weight.precision() == Precision.FP32) {
      linear(x, weight, bias, residual, y, tokens, activation, MemorySegment.NULL);
      return;
    }
    GrowableBuffer buffer = scratch.lease();
    try {
      MemorySegment bytes = buffer.ensure(JAVA_LONG.byteSize());
      int precision = weight.precision().ordinal();
      check("linear", pf_linear_workspace_size(engine(), tokens, weight.in(), precision, bytes));
      MemorySegment room = buffer.ensure(bytes.get(JAVA_LONG, 0));
      linear(x, weight, bias, residual, y, tokens, activation, room);
    } finally {
      scratch.release(buffer);
    }
  }

  private void linear(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Activation activation,
      MemorySegment room) {
    int status =
        pf_linear(
            engine(),
            at(x),
            at(weight.segment()),
            at(bias),
            at(residual),
            at(y),
            tokens,
            weight.out(),
            weight.in(),
            activation.ordinal(),
            room,
            room.byteSize());
    check("linear", status, weight);
  }

  @Override
  public void feedForward(
      MemorySegment x,
      PackedWeight up,
      MemorySegment upBias,
      PackedWeight down,
      MemorySegment downBias,
      Activation activation,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Workspace workspace) {
    Arguments.feedForward(x, up, upBias, down, downBias, residual, y, tokens);
    requireReachable("feedForward", "y", y);
    MemorySegment params = workspace.parameters();
    check("feedForward", pf_ffn_workspace_size(engine(), tokens, up.in(), up.out(), params));
    long scratchBytes = params.get(JAVA_LONG, 0);
    MemorySegment scratch = workspace.scratch(scratchBytes);
    pf_ffn_params.x(params, x);
    pf_ffn_params.gate(params, MemorySegment.NULL);
    pf_ffn_params.gate_bias(params, MemorySegment.NULL);
    pf_ffn_params.up(params, up.segment());
    pf_ffn_params.up_bias(params, upBias);
    pf_ffn_params.down(params, down.segment());
    pf_ffn_params.down_bias(params, downBias);
    pf_ffn_params.residual(params, residual);
    pf_ffn_params.y(params, y);
    pf_ffn_params.tokens(params, tokens);
    pf_ffn_params.hidden(params, up.in());
    pf_ffn_params.intermediate(params, up.out());
    pf_ffn_params.activation(params, activation.ordinal());
    pf_ffn_params.workspace(params, scratch);
    pf_ffn_params.workspace_bytes(params, scratch.byteSize());
    check("feedForward", pf_ffn(engine(), params), up);
  }

  @Override
  public void gatedFeedForward(
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
      Workspace workspace) {
    Arguments.gatedFeedForward(x, gate, gateBias, up, upBias, down, downBias, residual, y, tokens);
    requireReachable("gatedFeedForward", "y", y);
    MemorySegment params = workspace.parameters();
    check("gatedFeedForward", pf_ffn_workspace_size(engine(), tokens, up.in(), up.out(), params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pf_ffn_params.x(params, x);
    pf_ffn_params.up(params, up.segment());
    pf_ffn_params.up_bias(params, upBias);
    pf_ffn_params.gate(params, gate.segment());
    pf_ffn_params.gate_bias(params, gateBias);
    pf_ffn_params.down(params, down.segment());
    pf_ffn_params.down_bias(params, downBias);
    pf_ffn_params.residual(params, residual);
    pf_ffn_params.y(params, y);
    pf_ffn_params.tokens(params, tokens);
    pf_ffn_params.hidden(params, up.in());
    pf_ffn_params.intermediate(params, up.out());
    pf_ffn_params.activation(params, activation.ordinal());
    pf_ffn_params.workspace(params, scratch);
    pf_ffn_params.workspace_bytes(params, scratch.byteSize());
    check("gatedFeedForward", pf_ffn(engine(), params), up);
  }

  @Override
  public void rope(
      RotaryTables tables,
      MemorySegment x,
      TokenBatch batch,
      long heads,
      long tokenStride,
      long headStride,
      Workspace workspace) {
    Arguments.rope(tables, x, batch, heads, tokenStride, headStride);
    requireReachable("rope", "x", x);
    MemorySegment params = workspace.parameters();
    pf_rope_params.x(params, x);
    pf_rope_params.cos(params, tables.cos());
    pf_rope_params.sin(params, tables.sin());
    pf_rope_params.position_ids(params, batch.positionIds());
    pf_rope_params.token_stride(params, tokenStride);
    pf_rope_params.head_stride(params, headStride);
    pf_rope_params.tokens(params, batch.tokens());
    pf_rope_params.heads(params, heads);
    pf_rope_params.rotary_dim(params, tables.rotaryDim());
    pf_rope_params.positions(params, tables.positions());
    check("rope", pf_rope(engine(), params));
  }

  @Override
  public void kvStore(
      MemorySegment qkv,
      long keys,
      long tokenStride,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      Workspace workspace) {
    Arguments.kvStore(qkv, keys, tokenStride, batch, cache);
    MemorySegment params = workspace.parameters();
    long values = keys + (long) cache.kvHeads() * cache.headDim();
    pointer(params, pf_kv_store_params.k$offset(), qkv, keys);
    pointer(params, pf_kv_store_params.v$offset(), qkv, values);
    pf_kv_store_params.cache(params, cache.layer(layer));
    pf_kv_store_params.slots(params, batch.slots());
    pf_kv_store_params.kv_token_stride(params, tokenStride);
    pf_kv_store_params.kv_head_stride(params, cache.headDim());
    pf_kv_store_params.tokens(params, batch.tokens().tokens());
    pf_kv_store_params.blocks(params, cache.blocks());
    pf_kv_store_params.block_tokens(params, cache.blockTokens());
    pf_kv_store_params.kv_heads(params, cache.kvHeads());
    pf_kv_store_params.head_dim(params, cache.headDim());
    check("kvStore", pf_kv_store(engine(), params));
  }

  @Override
  public void pagedAttention(
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
      Workspace workspace) {
    Arguments.pagedAttention(q, tokenStride, y, batch, queries, cache, heads, window, bias);
    requireReachable("pagedAttention", "y", y);
    MemorySegment params = workspace.parameters();
    check("pagedAttention", pf_paged_attention_workspace_size(engine(), cache.headDim(), params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pf_paged_attention_params.cu_seqlens_q(params, queries.cuSeqlens());
    pf_paged_attention_params.q_tokens(params, queries.tokens());
    pf_paged_attention_params.sequences(params, batch.sequences());
    pf_paged_attention_params.kv_lengths(params, batch.kvLengths());
    pf_paged_attention_params.block_tables(params, batch.blockTables());
    pf_paged_attention_params.block_table_stride(params, batch.blockTableStride());
    pf_paged_attention_params.q_token_stride(params, tokenStride);
    pf_paged_attention_params.window(params, window);
    pf_paged_attention_params.bias(params, bias.table());
    pf_paged_attention_params.bias_distances(params, bias.distances());
    pf_paged_attention_params.all_keys(params, 0);
    pagedAttention("pagedAttention", params, scratch, q, y, cache, layer, heads, scale);
  }

  @Override
  public void crossAttention(
      MemorySegment q,
      MemorySegment y,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      long heads,
      float scale,
      Workspace workspace) {
    Arguments.crossAttention(q, y, batch, cache, heads);
    MemorySegment params = workspace.parameters();
    check("crossAttention", pf_paged_attention_workspace_size(engine(), cache.headDim(), params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pf_paged_attention_params.cu_seqlens_q(params, batch.sourceStarts());
    pf_paged_attention_params.q_tokens(params, batch.tokens().tokens());
    pf_paged_attention_params.sequences(params, batch.sources());
    pf_paged_attention_params.kv_lengths(params, batch.sourceLengths());
    pf_paged_attention_params.block_tables(params, batch.sourceBlockTables());
    pf_paged_attention_params.block_table_stride(params, batch.sourceBlockTableStride());
    pf_paged_attention_params.q_token_stride(params, heads * cache.headDim());
    pf_paged_attention_params.window(params, 0);
    pf_paged_attention_params.bias(params, MemorySegment.NULL);
    pf_paged_attention_params.bias_distances(params, 0);
    pf_paged_attention_params.all_keys(params, 1);
    pagedAttention("crossAttention", params, scratch, q, y, cache, layer, heads, scale);
  }

  /** What both kinds of attention over a cache set alike. */
  private void pagedAttention(
      String kernel,
      MemorySegment params,
      MemorySegment scratch,
      MemorySegment q,
      MemorySegment y,
      KvCache cache,
      int layer,
      long heads,
      float scale) {
    pf_paged_attention_params.q(params, q);
    pf_paged_attention_params.cache(params, cache.layer(layer));
    pf_paged_attention_params.y(params, y);
    pf_paged_attention_params.q_head_stride(params, cache.headDim());
    pf_paged_attention_params.y_token_stride(params, heads * cache.headDim());
    pf_paged_attention_params.y_head_stride(params, cache.headDim());
    pf_paged_attention_params.heads(params, heads);
    pf_paged_attention_params.kv_heads(params, cache.kvHeads());
    pf_paged_attention_params.head_dim(params, cache.headDim());
    pf_paged_attention_params.blocks(params, cache.blocks());
    pf_paged_attention_params.block_tokens(params, cache.blockTokens());
    pf_paged_attention_params.scale(params, scale);
    pf_paged_attention_params.workspace(params, scratch);
    pf_paged_attention_params.workspace_bytes(params, scratch.byteSize());
    check(kernel, pf_paged_attention(engine(), params));
  }

  @Override
  public void topK(
      MemorySegment logits,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long rows,
      long columns,
      long count) {
    Arguments.topK(logits, inverseTemperatures, values, ids, logSumExp, rows, columns, count);
    check(
        "topK",
        pf_top_k(
            engine(),
            at(logits),
            inverseTemperatures,
            values,
            ids,
            logSumExp,
            rows,
            columns,
            count));
  }

  @Override
  public void linearTopK(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long tokens,
      long count,
      Workspace workspace) {
    Arguments.linearTopK(
        x, weight, bias, inverseTemperatures, values, ids, logSumExp, tokens, count);
    MemorySegment params = workspace.parameters();
    linearTopKParameters(
        params,
        x,
        weight,
        bias,
        inverseTemperatures,
        values,
        ids,
        logSumExp,
        tokens,
        count,
        workspace);
    check("linearTopK", pf_linear_top_k(engine(), params), weight);
  }

  private void linearTopKParameters(
      MemorySegment params,
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long tokens,
      long count,
      Workspace workspace) {
    check(
        "linearTopK",
        pf_linear_top_k_workspace_size(engine(), tokens, weight.out(), weight.in(), count, params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pf_linear_top_k_params.x(params, x);
    pf_linear_top_k_params.packed(params, weight.segment());
    pf_linear_top_k_params.bias(params, bias);
    pf_linear_top_k_params.inverse_temperature(params, inverseTemperatures);
    pf_linear_top_k_params.values(params, values);
    pf_linear_top_k_params.ids(params, ids);
    pf_linear_top_k_params.log_sum_exp(params, logSumExp);
    pf_linear_top_k_params.screen(params, MemorySegment.NULL);
    pf_linear_top_k_params.computed(params, MemorySegment.NULL);
    pf_linear_top_k_params.tokens(params, tokens);
    pf_linear_top_k_params.vocab(params, weight.out());
    pf_linear_top_k_params.hidden(params, weight.in());
    pf_linear_top_k_params.count(params, count);
    pf_linear_top_k_params.workspace(params, scratch);
    pf_linear_top_k_params.workspace_bytes(params, scratch.byteSize());
  }

  @Override
  public Optional<Screen> screen(PackedWeight weight, SegmentAllocator memory) {
    boolean large = weight.precision() == Precision.FP32 || weight.precision() == Precision.BF16;
    if (!large || weight.in() > PF_MAX_INT8_FEATURES()) {
      return Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(JAVA_LONG);
      check("screen", pf_screen_size(engine(), weight.out(), weight.in(), bytes));
      MemorySegment screen = memory.allocate(bytes.get(JAVA_LONG, 0), PF_ALIGNMENT());
      int status = pf_screen_pack(engine(), weight.segment(), screen, weight.out(), weight.in());
      check("screen", status, weight);
      return Optional.of(new Screen(screen, weight.out(), weight.in()));
    }
  }

  @Override
  public long linearBest(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      Optional<Screen> screen,
      MemorySegment values,
      MemorySegment ids,
      long tokens,
      long count,
      Workspace workspace) {
    Arguments.linearBest(x, weight, bias, screen, values, ids, tokens, count);
    MemorySegment none = MemorySegment.NULL;
    MemorySegment params = workspace.parameters();
    MemorySegment computed = params.asSlice(pf_linear_top_k_params.sizeof(), Long.BYTES);
    linearTopKParameters(
        params, x, weight, bias, none, values, ids, none, tokens, count, workspace);
    pf_linear_top_k_params.screen(params, screen.map(Screen::segment).orElse(none));
    pf_linear_top_k_params.computed(params, computed);
    check("linearBest", pf_linear_top_k(engine(), params), weight);
    return computed.get(JAVA_LONG, 0);
  }

  @Override
  public void attention(Attention a, Workspace workspace) {
    Arguments.attention(a);
    requireReachable("attention", "y", a.y);
    MemorySegment params = workspace.parameters();
    check("attention", pf_attention_workspace_size(engine(), a.headDim, params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pointer(params, pf_attention_params.q$offset(), a.q, a.qOffset);
    pointer(params, pf_attention_params.k$offset(), a.k, a.kOffset);
    pointer(params, pf_attention_params.v$offset(), a.v, a.vOffset);
    pf_attention_params.y(params, a.y);
    pf_attention_params.cu_seqlens_q(params, a.cuSeqlensQ);
    pf_attention_params.cu_seqlens_kv(params, a.cuSeqlensKv);
    pointer(params, pf_attention_params.bias$offset(), a.bias, a.biasOffset);
    pf_attention_params.q_token_stride(params, a.qTokenStride);
    pf_attention_params.q_head_stride(params, a.qHeadStride);
    pf_attention_params.kv_token_stride(params, a.kvTokenStride);
    pf_attention_params.kv_head_stride(params, a.kvHeadStride);
    pf_attention_params.y_token_stride(params, a.yTokenStride);
    pf_attention_params.y_head_stride(params, a.yHeadStride);
    pf_attention_params.bias_sequence_stride(params, a.biasSequenceStride);
    pf_attention_params.bias_head_stride(params, a.biasHeadStride);
    pf_attention_params.bias_query_stride(params, a.biasQueryStride);
    pf_attention_params.q_tokens(params, a.qTokens);
    pf_attention_params.kv_tokens(params, a.kvTokens);
    pf_attention_params.sequences(params, a.sequences);
    pf_attention_params.heads(params, a.heads);
    pf_attention_params.kv_heads(params, a.kvHeads);
    pf_attention_params.head_dim(params, a.headDim);
    pf_attention_params.scale(params, a.scale);
    pf_attention_params.causal(params, a.causal ? 1 : 0);
    pf_attention_params.workspace(params, scratch);
    pf_attention_params.workspace_bytes(params, scratch.byteSize());
    check("attention", pf_attention(engine(), params));
  }

  @Override
  public void linformerAttention(
      MemorySegment qkv,
      SequenceProjections projections,
      TokenBatch batch,
      MemorySegment y,
      long heads,
      long headDim,
      float scale,
      Workspace workspace) {
    Arguments.linformerAttention(qkv, projections, batch, y, heads, headDim);
    requireReachable("linformerAttention", "y", y);
    long row = heads * headDim;
    long projected = projections.projected();
    MemorySegment params = workspace.parameters();
    check(
        "linformerAttention",
        pf_linformer_attention_workspace_size(engine(), heads, headDim, projected, params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pointer(params, pf_linformer_attention_params.q$offset(), qkv, 0);
    pointer(params, pf_linformer_attention_params.k$offset(), qkv, row);
    pointer(params, pf_linformer_attention_params.v$offset(), qkv, 2 * row);
    pf_linformer_attention_params.key_projection(params, projections.keys());
    pf_linformer_attention_params.value_projection(params, projections.values());
    pf_linformer_attention_params.y(params, y);
    pf_linformer_attention_params.cu_seqlens(params, batch.cuSeqlens());
    pf_linformer_attention_params.position_ids(params, batch.positionIds());
    pf_linformer_attention_params.q_token_stride(params, 3 * row);
    pf_linformer_attention_params.q_head_stride(params, headDim);
    pf_linformer_attention_params.kv_token_stride(params, 3 * row);
    pf_linformer_attention_params.kv_head_stride(params, headDim);
    pf_linformer_attention_params.y_token_stride(params, row);
    pf_linformer_attention_params.y_head_stride(params, headDim);
    pf_linformer_attention_params.tokens(params, batch.tokens());
    pf_linformer_attention_params.sequences(params, batch.sequences());
    pf_linformer_attention_params.heads(params, heads);
    pf_linformer_attention_params.head_dim(params, headDim);
    pf_linformer_attention_params.positions(params, projections.positions());
    pf_linformer_attention_params.projected(params, projected);
    pf_linformer_attention_params.scale(params, scale);
    pf_linformer_attention_params.workspace(params, scratch);
    pf_linformer_attention_params.workspace_bytes(params, scratch.byteSize());
    check("linformerAttention", pf_linformer_attention(engine(), params));
  }

  @Override
  public void performerAttention(
      MemorySegment qkv,
      RandomFeatures features,
      TokenBatch batch,
      MemorySegment y,
      long heads,
      boolean causal,
      Workspace workspace) {
    Arguments.performerAttention(qkv, features, batch, y, heads);
    requireReachable("performerAttention", "y", y);
    long headDim = features.headDim();
    long row = heads * headDim;
    MemorySegment params = workspace.parameters();
    check(
        "performerAttention",
        pf_performer_attention_workspace_size(
            engine(), heads, headDim, features.count(), causal ? 1 : 0, params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pointer(params, pf_performer_attention_params.q$offset(), qkv, 0);
    pointer(params, pf_performer_attention_params.k$offset(), qkv, row);
    pointer(params, pf_performer_attention_params.v$offset(), qkv, 2 * row);
    pf_performer_attention_params.random_features(params, features.weight());
    pf_performer_attention_params.y(params, y);
    pf_performer_attention_params.cu_seqlens(params, batch.cuSeqlens());
    pf_performer_attention_params.q_token_stride(params, 3 * row);
    pf_performer_attention_params.q_head_stride(params, headDim);
    pf_performer_attention_params.kv_token_stride(params, 3 * row);
    pf_performer_attention_params.kv_head_stride(params, headDim);
    pf_performer_attention_params.y_token_stride(params, row);
    pf_performer_attention_params.y_head_stride(params, headDim);
    pf_performer_attention_params.tokens(params, batch.tokens());
    pf_performer_attention_params.sequences(params, batch.sequences());
    pf_performer_attention_params.heads(params, heads);
    pf_performer_attention_params.head_dim(params, headDim);
    pf_performer_attention_params.features(params, features.count());
    pf_performer_attention_params.map(params, features.map().ordinal());
    pf_performer_attention_params.scale(params, features.scale());
    pf_performer_attention_params.offset(params, features.offset());
    pf_performer_attention_params.causal(params, causal ? 1 : 0);
    pf_performer_attention_params.workspace(params, scratch);
    pf_performer_attention_params.workspace_bytes(params, scratch.byteSize());
    check("performerAttention", pf_performer_attention(engine(), params));
  }

  @Override
  public void sparseAttention(Attention a, KeyLists lists, Workspace workspace) {
    Arguments.sparseAttention(a, lists);
    requireReachable("sparseAttention", "y", a.y);
    MemorySegment params = workspace.parameters();
    check("sparseAttention", pf_sparse_attention_workspace_size(engine(), a.headDim, params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pointer(params, pf_sparse_attention_params.q$offset(), a.q, a.qOffset);
    pointer(params, pf_sparse_attention_params.k$offset(), a.k, a.kOffset);
    pointer(params, pf_sparse_attention_params.v$offset(), a.v, a.vOffset);
    pf_sparse_attention_params.y(params, a.y);
    pf_sparse_attention_params.block_starts(params, lists.blockStarts());
    pf_sparse_attention_params.list_starts(params, lists.listStarts());
    pf_sparse_attention_params.spans(params, lists.spans());
    pf_sparse_attention_params.bands(params, lists.bands());
    pf_sparse_attention_params.q_token_stride(params, a.qTokenStride);
    pf_sparse_attention_params.q_head_stride(params, a.qHeadStride);
    pf_sparse_attention_params.kv_token_stride(params, a.kvTokenStride);
    pf_sparse_attention_params.kv_head_stride(params, a.kvHeadStride);
    pf_sparse_attention_params.y_token_stride(params, a.yTokenStride);
    pf_sparse_attention_params.y_head_stride(params, a.yHeadStride);
    pf_sparse_attention_params.q_tokens(params, a.qTokens);
    pf_sparse_attention_params.kv_tokens(params, a.kvTokens);
    pf_sparse_attention_params.blocks(params, lists.blocks());
    pf_sparse_attention_params.lists(params, lists.lists());
    pf_sparse_attention_params.heads(params, a.heads);
    pf_sparse_attention_params.kv_heads(params, a.kvHeads);
    pf_sparse_attention_params.head_dim(params, a.headDim);
    pf_sparse_attention_params.scale(params, a.scale);
    pf_sparse_attention_params.workspace(params, scratch);
    pf_sparse_attention_params.workspace_bytes(params, scratch.byteSize());
    check("sparseAttention", pf_sparse_attention(engine(), params));
  }

  /**
   * Whether what a kernel writes lies where its engine can write; all of the host's memory does.
   */
  void requireReachable(String kernel, String name, MemorySegment tensor) {}

  /**
   * What a call is given for a tensor: of the host's memory, the tensor, which nothing has to be
   * allocated for.
   */
  MemorySegment at(MemorySegment tensor) {
    return tensor;
  }

  /**
   * Stores the address of a float within a segment, which a slice would have to be allocated for.
   */
  private static void pointer(
      MemorySegment params, long field, MemorySegment segment, long offset) {
    params.set(JAVA_LONG, field, segment.address() + offset * Float.BYTES);
  }

  @Override
  public void layerNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment bias,
      MemorySegment y,
      long tokens,
      long hidden,
      float eps) {
    Arguments.layerNorm(x, residual, weight, bias, y, tokens, hidden);
    requireReachable("layerNorm", "y", y);
    check(
        "layerNorm",
        pf_layer_norm(
            engine(), at(x), at(residual), at(weight), at(bias), at(y), tokens, hidden, eps));
  }

  @Override
  public void rmsNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment y,
      long tokens,
      long hidden,
      float eps) {
    Arguments.rmsNorm(x, residual, weight, y, tokens, hidden);
    requireReachable("rmsNorm", "y", y);
    check(
        "rmsNorm",
        pf_rms_norm(engine(), at(x), at(residual), at(weight), at(y), tokens, hidden, eps));
  }

  @Override
  public void softmax(MemorySegment x, MemorySegment y, long rows, long columns) {
    Arguments.softmax(x, y, rows, columns);
    requireReachable("softmax", "y", y);
    check("softmax", pf_softmax(engine(), at(x), at(y), rows, columns));
  }

  @Override
  public void activate(MemorySegment x, MemorySegment y, long count, Activation activation) {
    Arguments.activate(x, y, count);
    requireReachable("activate", "y", y);
    check("activate", pf_activate(engine(), at(x), at(y), count, activation.ordinal()));
  }

  @Override
  public void pool(
      MemorySegment x,
      TokenBatch batch,
      MemorySegment y,
      long hidden,
      Pooling pooling,
      boolean normalize) {
    Arguments.pool(x, batch, y, hidden);
    requireReachable("pool", "y", y);
    int status =
        pf_pool(
            engine(),
            at(x),
            batch.cuSeqlens(),
            at(y),
            batch.tokens(),
            batch.sequences(),
            hidden,
            pooling.ordinal(),
            normalize ? 1 : 0);
    check("pool", status);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      pf_engine_destroy(engine);
      scratch.close();
    }
  }

  private MemorySegment engine() {
    if (closed) {
      throw new IllegalStateException("these kernels are closed");
    }
    return engine;
  }

  private static void check(String kernel, int status, PackedWeight weight) {
    if (status == PF_ERROR_PACKED_WEIGHTS()) {
      throw new IllegalArgumentException(
          kernel
              + ": "
              + weight.name()
              + " ["
              + weight.out()
              + ", "
              + weight.in()
              + "] was packed for another instruction set or by another version");
    }
    check(kernel, status);
  }

  /**
   * Else, what {@link Arguments} lets pass and the library refuses is a mistake in one of the two.
   */
  private static void check(String kernel, int status) {
    if (status == PF_ERROR_UNSUPPORTED()) {
      throw new UnsupportedOperationException(kernel + " is not there on this device yet");
    }
    if (status != PF_OK()) {
      throw new IllegalStateException(
          kernel + ": the native library answers with status " + status);
    }
  }
}
