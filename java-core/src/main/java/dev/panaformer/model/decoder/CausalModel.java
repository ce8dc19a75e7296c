package dev.panaformer.model.decoder;

import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;

/** A decoder-only model, such as GPT-2 or Llama. */
public record CausalModel(CausalConfig config, Transformer transformer) implements LanguageModel {

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has another
   *     shape
   */
  public static CausalModel load(Weights weights, CausalConfig config) {
    return new CausalModel(config, config.architecture().build(weights));
  }

  /** {@inheritDoc} The trace receives {@code hidden_states.N}. */
  @Override
  public MemorySegment forward(
      DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    return transformer.decode(batch, cache, workspace, trace);
  }
}
