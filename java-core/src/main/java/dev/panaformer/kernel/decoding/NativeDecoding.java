package dev.panaformer.kernel.decoding;

import static dev.panaformer.bindings.panaformer_h.*;
import static dev.panaformer.kernel.engine.NativeEngine.address;
import static dev.panaformer.kernel.engine.NativeEngine.check;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.panaformer.bindings.pf_kv_store_params;
import dev.panaformer.bindings.pf_linear_top_k_params;
import dev.panaformer.bindings.pf_paged_attention_params;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.linear.PackedWeightStatus;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.memory.Limits;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Optional;

/** {@link DecodingKernels} of the native library. */
final class NativeDecoding implements DecodingKernels {
  private final NativeEngine engine;

  NativeDecoding(NativeEngine engine) {
    this.engine = engine;
  }

  @Override
  public void kvStore(
      MemorySegment qkv,
      long keys,
      long tokenStride,
      DecoderBatch batch,
      KvCache.Layer layer,
      Workspace workspace) {
    DecodingArguments.kvStore(qkv, keys, tokenStride, batch, layer);
    MemorySegment params = workspace.parameters();
    long values = keys + (long) layer.kvHeads() * layer.headDim();
    address(params, pf_kv_store_params.k$offset(), qkv, keys);
    address(params, pf_kv_store_params.v$offset(), qkv, values);
    pf_kv_store_params.cache(params, layer.memory());
    pf_kv_store_params.slots(params, batch.slots());
    pf_kv_store_params.kv_token_stride(params, tokenStride);
    pf_kv_store_params.kv_head_stride(params, layer.headDim());
    pf_kv_store_params.tokens(params, batch.tokens().tokens());
    pf_kv_store_params.blocks(params, layer.blocks());
    pf_kv_store_params.block_tokens(params, layer.blockTokens());
    pf_kv_store_params.kv_heads(params, layer.kvHeads());
    pf_kv_store_params.head_dim(params, layer.headDim());
    check("kvStore", pf_kv_store(engine.pointer(), params));
  }

  @Override
  public void pagedAttention(CachedAttention a, Workspace workspace) {
    DecodingArguments.pagedAttention(a);
    engine.requireWritable("pagedAttention", "y", a.y);
    MemorySegment params = prepare("pagedAttention", a, workspace);
    pf_paged_attention_params.cu_seqlens_q(params, a.queries.lengths().cumulative());
    pf_paged_attention_params.q_tokens(params, a.queries.count());
    pf_paged_attention_params.sequences(params, a.batch.sequences());
    pf_paged_attention_params.kv_lengths(params, a.batch.kvLengths());
    pf_paged_attention_params.block_tables(params, a.batch.blockTables());
    pf_paged_attention_params.block_table_stride(params, a.batch.blockTableStride());
    pf_paged_attention_params.all_keys(params, 0);
    check("pagedAttention", pf_paged_attention(engine.pointer(), params));
  }

  @Override
  public void crossAttention(CachedAttention a, Workspace workspace) {
    DecodingArguments.crossAttention(a);
    MemorySegment params = prepare("crossAttention", a, workspace);
    pf_paged_attention_params.cu_seqlens_q(params, a.batch.sourceStarts());
    pf_paged_attention_params.q_tokens(params, a.batch.tokens().tokens());
    pf_paged_attention_params.sequences(params, a.batch.sources());
    pf_paged_attention_params.kv_lengths(params, a.batch.sourceLengths());
    pf_paged_attention_params.block_tables(params, a.batch.sourceBlockTables());
    pf_paged_attention_params.block_table_stride(params, a.batch.sourceBlockTableStride());
    pf_paged_attention_params.all_keys(params, 1);
    check("crossAttention", pf_paged_attention(engine.pointer(), params));
  }

  /**
   * Stores the tensors and the shape of a call in its parameter struct, and gives it scratch
   * memory.
   */
  private MemorySegment prepare(String kernel, CachedAttention a, Workspace workspace) {
    KvCache.Layer layer = a.layer;
    MemorySegment params = workspace.parameters();
    check(kernel, pf_paged_attention_workspace_size(engine.pointer(), layer.headDim(), params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pf_paged_attention_params.q(params, a.q);
    pf_paged_attention_params.cache(params, layer.memory());
    pf_paged_attention_params.y(params, a.y);
    pf_paged_attention_params.q_token_stride(params, a.tokenStride);
    pf_paged_attention_params.q_head_stride(params, layer.headDim());
    pf_paged_attention_params.y_token_stride(params, a.heads * layer.headDim());
    pf_paged_attention_params.y_head_stride(params, layer.headDim());
    pf_paged_attention_params.heads(params, a.heads);
    pf_paged_attention_params.kv_heads(params, layer.kvHeads());
    pf_paged_attention_params.head_dim(params, layer.headDim());
    pf_paged_attention_params.blocks(params, layer.blocks());
    pf_paged_attention_params.block_tokens(params, layer.blockTokens());
    pf_paged_attention_params.scale(params, a.scale);
    pf_paged_attention_params.window(params, a.window);
    pf_paged_attention_params.bias(params, a.bias.table());
    pf_paged_attention_params.bias_distances(params, a.bias.distances());
    pf_paged_attention_params.workspace(params, scratch);
    pf_paged_attention_params.workspace_bytes(params, scratch.byteSize());
    return params;
  }

  @Override
  public void topK(
      MemorySegment logits, MemorySegment inverseTemperatures, TopK best, long rows, long columns) {
    DecodingArguments.topK(logits, inverseTemperatures, best, rows, columns);
    check(
        "topK",
        pf_top_k(
            engine.pointer(),
            engine.argument(logits),
            inverseTemperatures,
            best.values(),
            best.ids(),
            best.logSumExp(),
            rows,
            columns,
            best.count()));
  }

  @Override
  public void linearTopK(
      MemorySegment x,
      LinearWeights head,
      MemorySegment inverseTemperatures,
      TopK best,
      long rows,
      Workspace workspace) {
    DecodingArguments.linearTopK(x, head, inverseTemperatures, best, rows);
    MemorySegment params = prepare(x, head, best, rows, workspace);
    pf_linear_top_k_params.inverse_temperature(params, inverseTemperatures);
    pf_linear_top_k_params.log_sum_exp(params, best.logSumExp());
    pf_linear_top_k_params.screen(params, MemorySegment.NULL);
    pf_linear_top_k_params.computed(params, MemorySegment.NULL);
    PackedWeightStatus.check(
        "linearTopK", pf_linear_top_k(engine.pointer(), params), head.weight());
  }

  @Override
  public long linearBest(
      MemorySegment x,
      LinearWeights head,
      Optional<Screen> screen,
      TopK best,
      long rows,
      Workspace workspace) {
    DecodingArguments.linearBest(x, head, screen, best, rows);
    MemorySegment params = prepare(x, head, best, rows, workspace);
    MemorySegment computed = params.asSlice(pf_linear_top_k_params.sizeof(), Long.BYTES);
    pf_linear_top_k_params.inverse_temperature(params, MemorySegment.NULL);
    pf_linear_top_k_params.log_sum_exp(params, MemorySegment.NULL);
    pf_linear_top_k_params.screen(params, screen.map(Screen::segment).orElse(MemorySegment.NULL));
    pf_linear_top_k_params.computed(params, computed);
    PackedWeightStatus.check(
        "linearBest", pf_linear_top_k(engine.pointer(), params), head.weight());
    return computed.get(JAVA_LONG, 0);
  }

  /**
   * Stores the parameters that all calls of {@code pf_linear_top_k} have in common, and gives the
   * call scratch memory.
   */
  private MemorySegment prepare(
      MemorySegment x, LinearWeights head, TopK best, long rows, Workspace workspace) {
    MemorySegment params = workspace.parameters();
    check(
        "linearTopK",
        pf_linear_top_k_workspace_size(
            engine.pointer(), rows, head.out(), head.in(), best.count(), params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    pf_linear_top_k_params.x(params, x);
    pf_linear_top_k_params.packed(params, head.weight().segment());
    pf_linear_top_k_params.bias(params, head.bias());
    pf_linear_top_k_params.values(params, best.values());
    pf_linear_top_k_params.ids(params, best.ids());
    pf_linear_top_k_params.tokens(params, rows);
    pf_linear_top_k_params.vocab(params, head.out());
    pf_linear_top_k_params.hidden(params, head.in());
    pf_linear_top_k_params.count(params, best.count());
    pf_linear_top_k_params.workspace(params, scratch);
    pf_linear_top_k_params.workspace_bytes(params, scratch.byteSize());
    return params;
  }

  /**
   * Creates screens for FP32 and BF16 weights on the CPU only. A device reads the whole weight so
   * fast that a screen gains nothing.
   */
  @Override
  public Optional<Screen> screen(PackedWeight weight, SegmentAllocator memory) {
    boolean large = weight.format() == WeightFormat.FP32 || weight.format() == WeightFormat.BF16;
    if (engine.isa() == Isa.CUDA || !large || weight.in() > Limits.MAX_INT8_FEATURES) {
      return Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(JAVA_LONG);
      check("screen", pf_screen_size(engine.pointer(), weight.out(), weight.in(), bytes));
      MemorySegment screen = memory.allocate(bytes.get(JAVA_LONG, 0), PF_ALIGNMENT());
      int status =
          pf_screen_pack(engine.pointer(), weight.segment(), screen, weight.out(), weight.in());
      PackedWeightStatus.check("screen", status, weight);
      return Optional.of(new Screen(screen, weight.out(), weight.in()));
    }
  }
}
