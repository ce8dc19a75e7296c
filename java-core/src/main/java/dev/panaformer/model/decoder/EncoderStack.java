package dev.panaformer.model.decoder;

import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.nn.EncoderLayer;
import dev.panaformer.nn.Norm;
import dev.panaformer.nn.Pass;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * An encoder without a head: embeddings, layers and an optional last norm.
 *
 * @param norm the norm after the last layer; empty if the layers normalise their output
 */
public record EncoderStack(
    EmbeddingTables embeddings, List<EncoderLayer> layers, Optional<Norm> norm) {

  private static final Buffer HIDDEN = Buffer.named("hidden states of an encoder");

  /**
   * Evaluates the encoder.
   *
   * @param pass its trace receives {@code hidden_states.N}. The last of them is the result, after
   *     the last norm
   * @return the hidden states {@code [tokens, hidden]}, in the workspace; valid until its next pass
   */
  public MemorySegment forward(Pass pass) {
    int tokens = pass.batch().tokens();
    long hidden = embeddings.hidden();
    MemorySegment x = pass.floats(HIDDEN, tokens * hidden);
    pass.kernels().embedding().embedding(embeddings, pass.batch(), x, pass.workspace());
    for (int i = 0; i < layers.size(); i++) {
      pass.report("hidden_states", i, x, tokens, hidden);
      pass.enterLayer(i, layers.size());
      layers.get(i).forward(pass, x);
    }
    if (norm.isPresent()) {
      norm.get().forward(pass, x, x, tokens);
    }
    pass.report("hidden_states", layers.size(), x, tokens, hidden);
    return x;
  }
}
