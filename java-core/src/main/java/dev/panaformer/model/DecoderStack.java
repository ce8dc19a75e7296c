package dev.panaformer.model;

import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.EmbeddingTables;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import dev.panaformer.nn.CrossAttention;
import dev.panaformer.nn.DecoderLayer;
import dev.panaformer.nn.Norm;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A decoder without its head: embeddings, layers, a last norm.
 *
 * @param norm of what the last layer gives, unless its layers normalise that themselves
 * @param headNorm the same for what a head reads, which may be scaled
 */
public record DecoderStack(
    EmbeddingTables embeddings,
    List<DecoderLayer> layers,
    Optional<Norm> norm,
    Optional<Norm> headNorm) {

  /** See {@link Transformer#decode}. */
  MemorySegment forward(
      Kernels kernels,
      DecoderBatch batch,
      KvCache cache,
      Workspace workspace,
      Trace trace,
      CrossAttention.Observer observer) {
    int tokens = batch.tokens().tokens();
    TokenBatch queries = batch.queries();
    long hidden = embeddings.hidden();
    MemorySegment x = workspace.floats(Buffer.HIDDEN, tokens * hidden);
    kernels.embedding(embeddings, batch.tokens(), x, workspace);
    if (batch.rows() > 0) {
      embedRows(kernels, batch, x, workspace);
    }
    for (int i = 0; i < layers.size(); i++) {
      if (trace != null) {
        trace.accept("hidden_states." + i, x, tokens, hidden);
      }
      TokenBatch computed = i + 1 < layers.size() || trace != null ? batch.tokens() : queries;
      layers.get(i).forward(kernels, x, batch, computed, cache, i, workspace, observer);
    }
    if (trace != null) {
      MemorySegment last = x;
      if (norm.isPresent()) {
        last = workspace.floats(Buffer.NORMED, tokens * hidden);
        norm.get().forward(kernels, x, last, tokens);
      }
      trace.accept("hidden_states." + layers.size(), last, tokens, hidden);
    }
    if (trace != null && queries != batch.tokens()) {
      kernels.keep(x, tokens, hidden, queries, workspace);
    }
    if (headNorm.isPresent()) {
      headNorm.get().forward(kernels, x, x, queries.tokens());
    }
    return x;
  }

  /** Replaces the hidden states of those tokens in whose place rows of embeddings stand. */
  private void embedRows(
      Kernels kernels, DecoderBatch batch, MemorySegment x, Workspace workspace) {
    int rows = batch.rows();
    long hidden = embeddings.hidden();
    MemorySegment given = workspace.floats(Buffer.EMBEDDING_ROWS, rows * hidden);
    kernels.write(
        given, rows * hidden, workspace, host -> batch.writeRows(host, Math.toIntExact(hidden)));
    MemorySegment embedded = workspace.floats(Buffer.EMBEDDED_ROWS, rows * hidden);
    kernels.embedding(embeddings.withRows(given, rows), batch.rowTokens(), embedded, workspace);
    for (int i = 0; i < rows; i++) {
      kernels.copy(embedded, i * hidden, x, batch.rowToken(i) * hidden, hidden);
    }
  }
}
