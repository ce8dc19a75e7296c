package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.Workspace;

/**
 * A forward pass that uses a key-value cache. It is either a pass of the decoder, or the pass that
 * stores the encoder's keys and values for cross-attention.
 */
public final class DecoderPass extends Pass {
  private static final Reused<DecoderPass> IN_WORKSPACE = Reused.of(DecoderPass::new);

  private DecoderBatch decoderBatch;
  private KvCache cache;

  private DecoderPass() {}

  /** A pass that computes results for the batch's {@linkplain DecoderBatch#queries queries}. */
  public static DecoderPass of(
      Kernels kernels, Workspace workspace, DecoderBatch batch, KvCache cache, Trace trace) {
    DecoderPass pass = workspace.reused(IN_WORKSPACE);
    pass.begin(kernels, workspace, batch.tokens(), trace);
    pass.decoderBatch = batch;
    pass.cache = cache;
    pass.want(batch.queries());
    return pass;
  }

  /** The batch, with the cache position of each token. */
  public DecoderBatch decoderBatch() {
    return decoderBatch;
  }

  /** The cached keys and values of the current layer. */
  public KvCache.Layer cached() {
    return cache.layer(layer());
  }
}
