package dev.panaformer.model.decoder;

import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.nn.DecoderLayer;
import dev.panaformer.nn.DecoderPass;
import dev.panaformer.nn.Norm;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A decoder without its head: embeddings, layers and a last norm.
 *
 * @param norm the norm after the last layer; empty if the layers normalise their output
 * @param headNorm the norm of the hidden states that the head reads. It differs from {@code norm}
 *     only if it includes the scale of the head
 */
public record DecoderStack(
    EmbeddingTables embeddings,
    List<DecoderLayer> layers,
    Optional<Norm> norm,
    Optional<Norm> headNorm) {

  private static final Buffer HIDDEN = Buffer.named("hidden states of a decoder");
  private static final Buffer VECTORS = Buffer.named("embedding vectors of a prompt");
  private static final Buffer EMBEDDED_VECTORS = Buffer.named("embedding vectors with positions");
  private static final Buffer NORMED = Buffer.named("last hidden states of a decoder");

  /** See {@link Transformer#decode}. */
  MemorySegment forward(DecoderPass pass) {
    int tokens = pass.batch().tokens();
    long hidden = embeddings.hidden();
    MemorySegment x = pass.floats(HIDDEN, tokens * hidden);
    pass.kernels().embedding().embedding(embeddings, pass.batch(), x, pass.workspace());
    if (pass.decoderBatch().rows() > 0) {
      embedRows(pass, x);
    }
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

  /**
   * Replaces the embeddings of those tokens for which the batch has embedding vectors instead of
   * ids.
   */
  private void embedRows(DecoderPass pass, MemorySegment x) {
    DecoderBatch batch = pass.decoderBatch();
    TensorMemory memory = pass.kernels().memory();
    int rows = batch.rows();
    long hidden = embeddings.hidden();
    MemorySegment vectors = pass.floats(VECTORS, rows * hidden);
    memory.write(
        vectors,
        rows * hidden,
        pass.workspace(),
        host -> batch.writeRows(host, Math.toIntExact(hidden)));
    MemorySegment embedded = pass.floats(EMBEDDED_VECTORS, rows * hidden);
    pass.kernels()
        .embedding()
        .embedding(
            embeddings.withRows(vectors, rows), batch.rowTokens(), embedded, pass.workspace());
    for (int i = 0; i < rows; i++) {
      memory.copy(embedded, i * hidden, x, batch.rowToken(i) * hidden, hidden);
    }
  }
}
