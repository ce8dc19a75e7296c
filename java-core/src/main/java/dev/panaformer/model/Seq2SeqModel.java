package dev.panaformer.model;

import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.PackedWeight;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/** An encoder and a decoder that attends to what it read: T5, BART and their kin. */
public record Seq2SeqModel(Seq2SeqConfig config, Transformer transformer) implements LanguageModel {

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or misshapen
   */
  public static Seq2SeqModel load(Weights weights, Seq2SeqConfig config) {
    return new Seq2SeqModel(config, config.architecture().build(weights));
  }

  @Override
  public Kernels kernels() {
    return transformer.kernels();
  }

  @Override
  public PackedWeight head() {
    return transformer.head().orElseThrow();
  }

  @Override
  public MemorySegment headBias() {
    return transformer.headBias();
  }

  /**
   * Reads sources, once for all that will be generated from them.
   *
   * @param trace told {@code encoder_hidden_states.N} and {@code encoder_last_hidden_state}; or
   *     null
   */
  public void encode(DecoderBatch sources, KvCache cache, Workspace workspace, Trace trace) {
    MemorySegment encoded =
        transformer.encode(sources, cache, workspace, prefixed("encoder_", trace));
    if (trace != null) {
      // Its layers' keys and values are computed elsewhere: it is what it was.
      trace.accept(
          "encoder_last_hidden_state", encoded, sources.tokens().tokens(), config.hiddenSize());
    }
  }

  /** {@inheritDoc} The names begin with {@code decoder_}; each sequence has a source. */
  @Override
  public MemorySegment forward(
      DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    return transformer.decode(batch, cache, workspace, prefixed("decoder_", trace));
  }

  private static Trace prefixed(String prefix, Trace trace) {
    return trace == null
        ? null
        : (name, values, shape) -> trace.accept(prefix + name, values, shape);
  }
}
