package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.Workspace;

/** A pass over a key-value cache: of a decoder, or of the encoder whose states it attends to. */
public final class DecoderPass extends Pass {
  private static final Reused<DecoderPass> IN_WORKSPACE = Reused.of(DecoderPass::new);

  private DecoderBatch decoderBatch;
  private KvCache cache;

  private DecoderPass() {}

  /** A pass whose results are wanted for the batch's {@linkplain DecoderBatch#queries queries}. */
  public static DecoderPass of(
      Kernels kernels, Workspace workspace, DecoderBatch batch, KvCache cache, Trace trace) {
    DecoderPass pass = workspace.reused(IN_WORKSPACE);
    pass.begin(kernels, workspace, batch.tokens(), trace);
    pass.decoderBatch = batch;
    pass.cache = cache;
    pass.want(batch.queries());
    return pass;
  }

  /** The batch with its places in the cache. */
  public DecoderBatch decoderBatch() {
    return decoderBatch;
  }

  /** The keys and values of the current layer. */
  public KvCache.Layer cached() {
    return cache.layer(layer());
  }
}
