package dev.panaformer.nn;

import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
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
   * @param x {@code [tokens, hidden]}, read and overwritten
   * @param index whose part of the cache is written and read
   * @param observer told what is asked of sources; or null
   */
  public void forward(
      Kernels kernels,
      MemorySegment x,
      DecoderBatch batch,
      KvCache cache,
      int index,
      Workspace workspace,
      CrossAttention.Observer observer) {
    int tokens = batch.tokens().tokens();
    long floats = tokens * attention.output().out();
    switch (placement) {
      case BEFORE -> {
        MemorySegment normed = workspace.floats(Buffer.NORMED, floats);
        attentionNorm.forward(kernels, x, normed, tokens);
        attention.add(kernels, normed, x, batch, cache, index, workspace);
        if (cross.isPresent()) {
          cross.get().norm.forward(kernels, x, normed, tokens);
          cross.get().attention.add(kernels, normed, x, batch, cache, index, workspace, observer);
        }
        feedForwardNorm.forward(kernels, x, normed, tokens);
        feedForward.forward(kernels, normed, x, x, tokens, workspace);
      }
      case AFTER -> {
        attention.add(kernels, x, x, batch, cache, index, workspace);
        attentionNorm.forward(kernels, x, x, tokens);
        if (cross.isPresent()) {
          cross.get().attention.add(kernels, x, x, batch, cache, index, workspace, observer);
          cross.get().norm.forward(kernels, x, x, tokens);
        }
        MemorySegment sum = workspace.floats(Buffer.CONTEXT, floats);
        feedForward.forward(kernels, x, x, sum, tokens, workspace);
        feedForwardNorm.forward(kernels, sum, x, tokens);
      }
    }
  }
}
