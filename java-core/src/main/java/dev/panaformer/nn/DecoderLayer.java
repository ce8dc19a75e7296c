package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** A layer of the Transformer's decoder: two residual blocks, or three if there is an encoder. */
public record DecoderLayer(
    Norm attentionNorm,
    CausalAttention attention,
    Optional<Cross> cross,
    Norm feedForwardNorm,
    FeedForward feedForward,
    NormPlacement placement) {

  /** The residual block in between, which attends to the encoder's text. */
  public record Cross(Norm norm, CrossAttention attention) {}

  /**
   * All tokens get keys and values, and the queries the rest: no others are read after the last
   * layer. They get the bits that all would give them.
   *
   * @param x {@code [tokens, hidden]}, read and overwritten: its first rows are those of the
   *     queries
   * @param queries the batch's tokens, or its {@linkplain DecoderBatch#queries queries}
   * @param index whose part of the cache is written and read
   * @param observer told what is asked of sources; or null
   */
  public void forward(
      Kernels kernels,
      MemorySegment x,
      DecoderBatch batch,
      TokenBatch queries,
      KvCache cache,
      int index,
      Workspace workspace,
      CrossAttention.Observer observer) {
    TokenBatch all = batch.tokens();
    // A source is attended to by whole sequences.
    TokenBatch computed = cross.isPresent() ? all : queries;
    int tokens = computed.tokens();
    long hidden = attention.output().out();
    switch (placement) {
      case BEFORE -> {
        MemorySegment normed = workspace.floats(Buffer.NORMED, all.tokens() * hidden);
        attentionNorm.forward(kernels, x, normed, all.tokens());
        attention.add(kernels, normed, x, batch, computed, cache, index, workspace);
        if (cross.isPresent()) {
          cross.get().norm.forward(kernels, x, normed, tokens);
          cross.get().attention.add(kernels, normed, x, batch, cache, index, workspace, observer);
        }
        feedForwardNorm.forward(kernels, x, normed, tokens);
        feedForward.forward(kernels, normed, x, x, tokens, workspace);
      }
      case AFTER -> {
        attention.add(kernels, x, x, batch, computed, cache, index, workspace);
        attentionNorm.forward(kernels, x, x, tokens);
        if (cross.isPresent()) {
          cross.get().attention.add(kernels, x, x, batch, cache, index, workspace, observer);
          cross.get().norm.forward(kernels, x, x, tokens);
        }
        MemorySegment sum = workspace.floats(Buffer.CONTEXT, tokens * hidden);
        feedForward.forward(kernels, x, x, sum, tokens, workspace);
        feedForwardNorm.forward(kernels, sum, x, tokens);
      }
    }
    if (computed != queries) {
      kernels.memory().retainRows(x, all.tokens(), hidden, queries, workspace);
    }
  }
}
