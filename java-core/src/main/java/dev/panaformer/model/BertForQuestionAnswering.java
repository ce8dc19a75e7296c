package dev.panaformer.model;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/**
 * The encoder with one layer over every token: a score for an answer that starts there, and for one
 * that ends there.
 *
 * @param outputs {@code [2, hidden]}
 */
public record BertForQuestionAnswering(BertModel bert, Linear outputs) implements BertTask {
  private static final int START_AND_END = 2;

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has not the
   *     shape that the configuration says
   */
  public static BertForQuestionAnswering load(Weights weights, BertConfig config) {
    BertModel bert = BertModel.load(weights, config);
    return new BertForQuestionAnswering(
        bert, weights.inFp32().linear("qa_outputs", START_AND_END, config.hiddenSize()));
  }

  @Override
  public GlobalTokens globalTokens() {
    return GlobalTokens.QUESTION;
  }

  /**
   * @return {@code [tokens, 2]}: start and end logit of each token
   */
  @Override
  public MemorySegment forward(TokenBatch batch, Workspace workspace, Trace trace) {
    int tokens = batch.tokens();
    MemorySegment x = bert.forward(batch, workspace, trace);
    MemorySegment logits = workspace.floats(Buffer.LOGITS, (long) tokens * START_AND_END);
    outputs.forward(bert.kernels(), x, logits, tokens);
    if (trace != null) {
      trace(trace, bert.kernels(), logits, tokens, workspace);
    }
    return logits;
  }

  static void trace(
      Trace trace, Kernels kernels, MemorySegment logits, int tokens, Workspace workspace) {
    trace.accept("start_logits", column(kernels, logits, 0, tokens, workspace), tokens);
    trace.accept("end_logits", column(kernels, logits, 1, tokens, workspace), tokens);
  }

  private static MemorySegment column(
      Kernels kernels, MemorySegment logits, int column, int tokens, Workspace workspace) {
    MemorySegment values = workspace.floats(Buffer.HEAD, tokens);
    for (long t = 0; t < tokens; t++) {
      kernels.memory().copy(logits, START_AND_END * t + column, values, t, 1);
    }
    return values;
  }
}
