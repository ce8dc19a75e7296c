package dev.panaformer.model.decoder;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.Network;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;

/**
 * A decoder with its language-model head, with or without an encoder. Immutable and thread-safe;
 * each concurrent forward pass needs a {@link Workspace} of its own. The caller that loads the
 * model owns its memory and its kernels.
 */
public sealed interface LanguageModel extends Network permits CausalModel, Seq2SeqModel {

  @Override
  DecoderConfig config();

  /** The encoder, if there is one, the decoder and the head. */
  Transformer transformer();

  default Kernels kernels() {
    return transformer().kernels();
  }

  /** The language-model head {@code [vocab, hidden]}, which maps hidden states to logits. */
  default LinearWeights head() {
    return transformer().head().orElseThrow();
  }

  /**
   * Evaluates the decoder without the head.
   *
   * @param trace receives the hidden states of all layers. The last of them are after the last norm
   * @return the last hidden states of the batch's {@linkplain DecoderBatch#queries queries}, {@code
   *     [queries, hidden]}, which the head reads. They are in the workspace and valid until its
   *     next pass
   */
  MemorySegment forward(DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace);
}
