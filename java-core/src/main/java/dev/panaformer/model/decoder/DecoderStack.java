package dev.panaformer.model.decoder;

import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.memory.TensorMemory;

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
  private static final Buffer GIVEN_ROWS = Buffer.named("rows of embeddings in a prompt");
  private static final Buffer EMBEDDED_ROWS = Buffer.named("rows of embeddings with positions");
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

  /** Replaces the hidden states of those tokens in whose place rows of embeddings stand. */
  private void embedRows(DecoderPass pass, MemorySegment x) {
    DecoderBatch batch = pass.decoderBatch();
    TensorMemory memory = pass.kernels().memory();
    int rows = batch.rows();
    long hidden = embeddings.hidden();
    MemorySegment given = pass.floats(GIVEN_ROWS, rows * hidden);
    memory.write(
        given,
        rows * hidden,
        pass.workspace(),
        host -> batch.writeRows(host, Math.toIntExact(hidden)));
    MemorySegment embedded = pass.floats(EMBEDDED_ROWS, rows * hidden);
    pass.kernels()
        .embedding()
        .embedding(
            embeddings.withRows(given, rows), batch.rowTokens(), embedded, pass.workspace());
    for (int i = 0; i < rows; i++) {
      memory.copy(embedded, i * hidden, x, batch.rowToken(i) * hidden, hidden);
    }
  }
}
