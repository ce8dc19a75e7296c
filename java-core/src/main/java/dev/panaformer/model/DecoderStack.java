package dev.panaformer.model;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
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
    kernels.embedding().embedding(embeddings, batch.tokens(), x, workspace);
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
      kernels.memory().retainRows(x, tokens, hidden, queries, workspace);
    }
    if (headNorm.isPresent()) {
      headNorm.get().forward(kernels, x, x, queries.tokens());
    }
    return x;
  }
}
