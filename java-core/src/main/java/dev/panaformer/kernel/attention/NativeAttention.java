package dev.panaformer.kernel.attention;

import static dev.panaformer.bindings.panaformer_h.*;
import static dev.panaformer.kernel.engine.NativeEngine.address;
import static dev.panaformer.kernel.engine.NativeEngine.check;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.panaformer.bindings.pf_attention_params;
import dev.panaformer.bindings.pf_linformer_attention_params;
import dev.panaformer.bindings.pf_performer_attention_params;
import dev.panaformer.bindings.pf_rope_params;
import dev.panaformer.bindings.pf_sparse_attention_params;
import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** {@link AttentionKernels} of the native library. */
final class NativeAttention implements AttentionKernels {
  private final NativeEngine engine;

  NativeAttention(NativeEngine engine) {
    this.engine = engine;
  }

  @Override
  public void attention(Attention a, Workspace workspace) {
    AttentionArguments.attention(a);
    engine.requireWritable("attention", "y", a.y);
    MemorySegment params = workspace.parameters();
    check("attention", pf_attention_workspace_size(engine.pointer(), a.headDim, params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    storeAttention(params, a);
    pf_attention_params.workspace(params, scratch);
    pf_attention_params.workspace_bytes(params, scratch.byteSize());
    check("attention", pf_attention(engine.pointer(), params));
  }

  private static void storeAttention(MemorySegment params, Attention a) {
    address(params, pf_attention_params.q$offset(), a.q, a.qOffset);
    address(params, pf_attention_params.k$offset(), a.k, a.kOffset);
    address(params, pf_attention_params.v$offset(), a.v, a.vOffset);
    pf_attention_params.y(params, a.y);
    pf_attention_params.cu_seqlens_q(params, a.cuSeqlensQ);
    pf_attention_params.cu_seqlens_kv(params, a.cuSeqlensKv);
    address(params, pf_attention_params.bias$offset(), a.bias, a.biasOffset);
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
  }

  @Override
  public void sparseAttention(Attention a, KeyLists lists, Workspace workspace) {
    AttentionArguments.sparseAttention(a, lists);
    engine.requireWritable("sparseAttention", "y", a.y);
    MemorySegment params = workspace.parameters();
    check(
        "sparseAttention", pf_sparse_attention_workspace_size(engine.pointer(), a.headDim, params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    storeTensors(params, a);
    storeLists(params, lists);
    pf_sparse_attention_params.workspace(params, scratch);
    pf_sparse_attention_params.workspace_bytes(params, scratch.byteSize());
    check("sparseAttention", pf_sparse_attention(engine.pointer(), params));
  }

  private static void storeTensors(MemorySegment params, Attention a) {
    address(params, pf_sparse_attention_params.q$offset(), a.q, a.qOffset);
    address(params, pf_sparse_attention_params.k$offset(), a.k, a.kOffset);
    address(params, pf_sparse_attention_params.v$offset(), a.v, a.vOffset);
    pf_sparse_attention_params.y(params, a.y);
    pf_sparse_attention_params.q_token_stride(params, a.qTokenStride);
    pf_sparse_attention_params.q_head_stride(params, a.qHeadStride);
    pf_sparse_attention_params.kv_token_stride(params, a.kvTokenStride);
    pf_sparse_attention_params.kv_head_stride(params, a.kvHeadStride);
    pf_sparse_attention_params.y_token_stride(params, a.yTokenStride);
    pf_sparse_attention_params.y_head_stride(params, a.yHeadStride);
    pf_sparse_attention_params.q_tokens(params, a.qTokens);
    pf_sparse_attention_params.kv_tokens(params, a.kvTokens);
    pf_sparse_attention_params.heads(params, a.heads);
    pf_sparse_attention_params.kv_heads(params, a.kvHeads);
    pf_sparse_attention_params.head_dim(params, a.headDim);
    pf_sparse_attention_params.scale(params, a.scale);
  }

  private static void storeLists(MemorySegment params, KeyLists lists) {
    pf_sparse_attention_params.block_starts(params, lists.blockStarts());
    pf_sparse_attention_params.list_starts(params, lists.listStarts());
    pf_sparse_attention_params.spans(params, lists.spans());
    pf_sparse_attention_params.bands(params, lists.bands());
    pf_sparse_attention_params.blocks(params, lists.blocks());
    pf_sparse_attention_params.lists(params, lists.lists());
  }

  @Override
  public void linformerAttention(
      MemorySegment qkv,
      LinformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace) {
    AttentionArguments.linformerAttention(qkv, shape, batch, y);
    engine.requireWritable("linformerAttention", "y", y);
    SequenceProjections projections = shape.projections();
    MemorySegment params = workspace.parameters();
    check(
        "linformerAttention",
        pf_linformer_attention_workspace_size(
            engine.pointer(), shape.heads(), shape.headDim(), projections.projected(), params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    storeLinformer(params, qkv, y, shape);
    pf_linformer_attention_params.cu_seqlens(params, batch.cuSeqlens());
    pf_linformer_attention_params.position_ids(params, batch.positionIds());
    pf_linformer_attention_params.tokens(params, batch.tokens());
    pf_linformer_attention_params.sequences(params, batch.sequences());
    pf_linformer_attention_params.workspace(params, scratch);
    pf_linformer_attention_params.workspace_bytes(params, scratch.byteSize());
    check("linformerAttention", pf_linformer_attention(engine.pointer(), params));
  }

  private static void storeLinformer(
      MemorySegment params, MemorySegment qkv, MemorySegment y, LinformerShape shape) {
    SequenceProjections projections = shape.projections();
    long headDim = shape.headDim();
    long row = shape.heads() * headDim;
    address(params, pf_linformer_attention_params.q$offset(), qkv, 0);
    address(params, pf_linformer_attention_params.k$offset(), qkv, row);
    address(params, pf_linformer_attention_params.v$offset(), qkv, 2 * row);
    pf_linformer_attention_params.key_projection(params, projections.keys());
    pf_linformer_attention_params.value_projection(params, projections.values());
    pf_linformer_attention_params.y(params, y);
    pf_linformer_attention_params.q_token_stride(params, 3 * row);
    pf_linformer_attention_params.q_head_stride(params, headDim);
    pf_linformer_attention_params.kv_token_stride(params, 3 * row);
    pf_linformer_attention_params.kv_head_stride(params, headDim);
    pf_linformer_attention_params.y_token_stride(params, row);
    pf_linformer_attention_params.y_head_stride(params, headDim);
    pf_linformer_attention_params.heads(params, shape.heads());
    pf_linformer_attention_params.head_dim(params, headDim);
    pf_linformer_attention_params.positions(params, projections.positions());
    pf_linformer_attention_params.projected(params, projections.projected());
    pf_linformer_attention_params.scale(params, shape.scale());
  }

  @Override
  public void performerAttention(
      MemorySegment qkv,
      PerformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace) {
    AttentionArguments.performerAttention(qkv, shape, batch, y);
    engine.requireWritable("performerAttention", "y", y);
    RandomFeatures features = shape.features();
    MemorySegment params = workspace.parameters();
    check(
        "performerAttention",
        pf_performer_attention_workspace_size(
            engine.pointer(),
            shape.heads(),
            features.headDim(),
            features.count(),
            shape.causal() ? 1 : 0,
            params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    storePerformer(params, qkv, y, shape);
    pf_performer_attention_params.cu_seqlens(params, batch.cuSeqlens());
    pf_performer_attention_params.tokens(params, batch.tokens());
    pf_performer_attention_params.sequences(params, batch.sequences());
    pf_performer_attention_params.workspace(params, scratch);
    pf_performer_attention_params.workspace_bytes(params, scratch.byteSize());
    check("performerAttention", pf_performer_attention(engine.pointer(), params));
  }

  private static void storePerformer(
      MemorySegment params, MemorySegment qkv, MemorySegment y, PerformerShape shape) {
    RandomFeatures features = shape.features();
    long headDim = features.headDim();
    long row = shape.heads() * headDim;
    address(params, pf_performer_attention_params.q$offset(), qkv, 0);
    address(params, pf_performer_attention_params.k$offset(), qkv, row);
    address(params, pf_performer_attention_params.v$offset(), qkv, 2 * row);
    pf_performer_attention_params.random_features(params, features.weight());
    pf_performer_attention_params.y(params, y);
    pf_performer_attention_params.q_token_stride(params, 3 * row);
    pf_performer_attention_params.q_head_stride(params, headDim);
    pf_performer_attention_params.kv_token_stride(params, 3 * row);
    pf_performer_attention_params.kv_head_stride(params, headDim);
    pf_performer_attention_params.y_token_stride(params, row);
    pf_performer_attention_params.y_head_stride(params, headDim);
    pf_performer_attention_params.heads(params, shape.heads());
    pf_performer_attention_params.head_dim(params, headDim);
    pf_performer_attention_params.features(params, features.count());
    pf_performer_attention_params.map(params, features.map().value());
    pf_performer_attention_params.scale(params, features.scale());
    pf_performer_attention_params.offset(params, features.offset());
    pf_performer_attention_params.causal(params, shape.causal() ? 1 : 0);
  }

  @Override
  public void rope(Rotation rotation, MemorySegment x, TokenBatch batch, Workspace workspace) {
    AttentionArguments.rope(rotation, x, batch);
    engine.requireWritable("rope", "x", x);
    RotaryTables tables = rotation.tables();
    MemorySegment params = workspace.parameters();
    pf_rope_params.x(params, x);
    pf_rope_params.cos(params, tables.cos());
    pf_rope_params.sin(params, tables.sin());
    pf_rope_params.position_ids(params, batch.positionIds());
    pf_rope_params.token_stride(params, rotation.tokenStride());
    pf_rope_params.head_stride(params, rotation.headStride());
    pf_rope_params.tokens(params, batch.tokens());
    pf_rope_params.heads(params, rotation.heads());
    pf_rope_params.rotary_dim(params, tables.rotaryDim());
    pf_rope_params.positions(params, tables.positions());
    check("rope", pf_rope(engine.pointer(), params));
  }
}
