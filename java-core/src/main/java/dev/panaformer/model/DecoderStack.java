package dev.panaformer.model;

import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.EmbeddingTables;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import dev.panaformer.nn.DecoderLayer;
import dev.panaformer.nn.Norm;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A decoder without its head: embeddings, layers, a last norm.
 *
 * @param norm of what the last layer gives
 */
public record DecoderStack(EmbeddingTables embeddings, List<DecoderLayer> layers, Norm norm) {

  /** See {@link CausalModel#forward}. */
  MemorySegment forward(
      Kernels kernels, DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    int tokens = batch.tokens().tokens();
    long hidden = embeddings.hidden();
    MemorySegment x = workspace.floats(Buffer.HIDDEN, tokens * hidden);
    kernels.embedding(embeddings, batch.tokens(), x, workspace);
    for (int i = 0; i < layers.size(); i++) {
      if (trace != null) {
        trace.accept("hidden_states." + i, x, tokens, hidden);
      }
      layers.get(i).forward(kernels, x, batch, cache, i, workspace);
    }
    MemorySegment normed = workspace.floats(Buffer.NORMED, tokens * hidden);
    norm.forward(kernels, x, normed, tokens);
    if (trace != null) {
      trace.accept("hidden_states." + layers.size(), normed, tokens, hidden);
    }
    return normed;
  }
}
