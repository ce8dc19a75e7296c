package dev.panaformer.model;

import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.nn.DecoderLayer;
import dev.panaformer.nn.DecoderPass;
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

  private static final Buffer HIDDEN = Buffer.named("hidden states of a decoder");
  private static final Buffer NORMED = Buffer.named("last hidden states of a decoder");

  /** See {@link Transformer#decode}. */
  MemorySegment forward(DecoderPass pass) {
    int tokens = pass.batch().tokens();
    long hidden = embeddings.hidden();
    MemorySegment x = pass.floats(HIDDEN, tokens * hidden);
    pass.kernels().embedding().embedding(embeddings, pass.batch(), x, pass.workspace());
    for (int i = 0; i < layers.size(); i++) {
      pass.report("hidden_states", i, x, tokens, hidden);
      pass.enterLayer(i, layers.size());
      layers.get(i).forward(pass, x);
    }
    if (pass.isTraced()) {
      MemorySegment last = x;
      if (norm.isPresent()) {
        last = pass.floats(NORMED, tokens * hidden);
        norm.get().forward(pass, x, last, tokens);
      }
      pass.report("hidden_states", layers.size(), last, tokens, hidden);
    }
    pass.retainWanted(x, hidden);
    if (headNorm.isPresent()) {
      headNorm.get().forward(pass, x, x, pass.wanted().count());
    }
    return x;
  }
}
