package dev.panaformer.kernel.embedding;

import static dev.panaformer.bindings.panaformer_h.PF_ERROR_INDEX;
import static dev.panaformer.bindings.panaformer_h.pf_embedding;
import static dev.panaformer.bindings.panaformer_h.pf_pool;
import static dev.panaformer.kernel.engine.NativeEngine.check;

import dev.panaformer.bindings.pf_embedding_params;
import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.Arguments;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;

/** {@link EmbeddingKernels} of the native library. */
final class NativeEmbedding implements EmbeddingKernels {
  private final NativeEngine engine;

  NativeEmbedding(NativeEngine engine) {
    this.engine = engine;
  }

  @Override
  public void embedding(
      EmbeddingTables tables, TokenBatch batch, MemorySegment y, Workspace workspace) {
    EmbeddingArguments.embedding(tables, batch, y);
    engine.requireWritable("embedding", "y", y);
    MemorySegment params = workspace.parameters();
    storeTables(params, tables);
    pf_embedding_params.ids(params, batch.ids());
    pf_embedding_params.position_ids(params, batch.positionIds());
    pf_embedding_params.token_type_ids(params, batch.tokenTypeIds());
    pf_embedding_params.y(params, y);
    pf_embedding_params.tokens(params, batch.tokens());
    int status = pf_embedding(engine.pointer(), params);
    if (status == PF_ERROR_INDEX()) {
      tables.requireRows(batch);
    }
    check("embedding", status);
  }

  private static void storeTables(MemorySegment params, EmbeddingTables tables) {
    pf_embedding_params.word_table(params, tables.words().rows());
    pf_embedding_params.word_packed(
        params, tables.packedWords().map(PackedWeight::segment).orElse(MemorySegment.NULL));
    pf_embedding_params.word_scale(params, tables.wordScale());
    pf_embedding_params.position_table(
        params, tables.positions().count() > 0 ? tables.positions().rows() : MemorySegment.NULL);
    pf_embedding_params.token_type_table(
        params, tables.tokenTypes().count() > 0 ? tables.tokenTypes().rows() : MemorySegment.NULL);
    pf_embedding_params.weight(params, tables.norm().weight());
    pf_embedding_params.bias(params, tables.norm().bias());
    pf_embedding_params.hidden(params, tables.hidden());
    pf_embedding_params.vocab(params, tables.words().count());
    pf_embedding_params.positions(params, tables.positions().count());
    pf_embedding_params.token_types(params, tables.tokenTypes().count());
    pf_embedding_params.eps(params, tables.norm().eps());
  }

  @Override
  public void gather(
      MemorySegment x,
      MemorySegment added,
      NormWeights norm,
      RowOrder rows,
      MemorySegment y,
      Workspace workspace) {
    EmbeddingArguments.gather(x, added, norm, rows, y);
    engine.requireWritable("gather", "y", y);
    boolean adds = !Arguments.isAbsent(added);
    MemorySegment params = workspace.parameters();
    pf_embedding_params.word_table(params, x);
    pf_embedding_params.word_packed(params, MemorySegment.NULL);
    pf_embedding_params.word_scale(params, 1);
    pf_embedding_params.position_table(params, adds ? added : MemorySegment.NULL);
    pf_embedding_params.token_type_table(params, MemorySegment.NULL);
    pf_embedding_params.weight(params, norm.weight());
    pf_embedding_params.bias(params, norm.bias());
    pf_embedding_params.ids(params, rows.rows());
    pf_embedding_params.position_ids(params, rows.addedRows());
    pf_embedding_params.token_type_ids(params, rows.addedRows());
    pf_embedding_params.y(params, y);
    pf_embedding_params.tokens(params, rows.count());
    pf_embedding_params.hidden(params, norm.hidden());
    pf_embedding_params.vocab(params, Math.max(1, rows.sourceRows()));
    pf_embedding_params.positions(params, adds ? Math.max(1, rows.sourceAddedRows()) : 0);
    pf_embedding_params.token_types(params, 0);
    pf_embedding_params.eps(params, norm.eps());
    check("gather", pf_embedding(engine.pointer(), params));
  }

  @Override
  public void pool(
      MemorySegment x,
      SequenceLengths lengths,
      MemorySegment y,
      long hidden,
      Pooling pooling,
      boolean normalize) {
    EmbeddingArguments.pool(x, lengths, y, hidden);
    engine.requireWritable("pool", "y", y);
    int status =
        pf_pool(
            engine.pointer(),
            engine.argument(x),
            lengths.cumulative(),
            engine.argument(y),
            lengths.total(),
            lengths.sequences(),
            hidden,
            pooling.value(),
            normalize ? 1 : 0);
    check("pool", status);
  }
}
