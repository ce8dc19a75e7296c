package dev.panaformer.model.decoder;

import dev.panaformer.model.Network;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;

/**
 * A decoder with its language-model head, with or without an encoder. Immutable and thread-safe;
 * each pass needs a {@link Workspace} of its own. The memory and the kernels belong to whoever
 * loaded the model.
 */
public sealed interface LanguageModel extends Network permits CausalModel, Seq2SeqModel {

  @Override
  DecoderConfig config();

  /** The layers that the configuration describes. */
  Transformer transformer();

  default Kernels kernels() {
    return transformer().kernels();
  }

  /** {@code [vocab, hidden]}: what makes logits of hidden states. */
  default LinearWeights head() {
    return transformer().head().orElseThrow();
  }

  /**
   * Runs a pass of the decoder.
   *
   * @param trace told the hidden states, the last of them after the final norm
   * @return the hidden states of the batch's {@linkplain DecoderBatch#queries queries} after the
   *     final norm, {@code [tokens, hidden]}, in the workspace until its next pass
   */
  MemorySegment forward(DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace);
}
