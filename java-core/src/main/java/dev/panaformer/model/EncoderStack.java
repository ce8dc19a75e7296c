package dev.panaformer.model;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import dev.panaformer.nn.EncoderLayer;
import dev.panaformer.nn.Norm;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * An encoder without a head: embeddings, layers, perhaps a last norm.
 *
 * @param norm of what the last layer gives, unless its layers normalise that themselves
 */
public record EncoderStack(
    EmbeddingTables embeddings, List<EncoderLayer> layers, Optional<Norm> norm) {

  /**
   * Runs a pass.
   *
   * @param trace told {@code hidden_states.N}, the last of them after the last norm; or null
   * @return {@code [tokens, hidden]}, in the workspace until its next pass
   */
  public MemorySegment forward(
      Kernels kernels, TokenBatch batch, Workspace workspace, Trace trace) {
    int tokens = batch.tokens();
    long hidden = embeddings.hidden();
    MemorySegment x = workspace.floats(Buffer.HIDDEN, tokens * hidden);
    kernels.embedding().embedding(embeddings, batch, x, workspace);
    for (int i = 0; i < layers.size(); i++) {
      if (trace != null) {
        trace.accept("hidden_states." + i, x, tokens, hidden);
      }
      layers.get(i).forward(kernels, x, batch, workspace);
    }
    if (norm.isPresent()) {
      norm.get().forward(kernels, x, x, tokens);
    }
    if (trace != null) {
      trace.accept("hidden_states." + layers.size(), x, tokens, hidden);
    }
    return x;
  }
}
