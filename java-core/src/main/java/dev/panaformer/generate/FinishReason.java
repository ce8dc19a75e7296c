package dev.panaformer.generate;

/** Why a generation ended. */
public enum FinishReason {
  /** The model's own end token, or one of {@link GenerationOptions#stopIds}. */
  STOP_ID,
  /** One of {@link GenerationOptions#stopStrings} came up. */
  STOP_STRING,
  /** {@link GenerationOptions#maxNewTokens} are generated. */
  LENGTH,
  /** The model has no position for another token. */
  CONTEXT,
  /** {@link GenerationOptions#timeLimit} is over. */
  DEADLINE,
  CANCELLED
}
