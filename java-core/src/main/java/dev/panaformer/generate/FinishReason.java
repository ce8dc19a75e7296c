package dev.panaformer.generate;

/** Why a generation ended. */
public enum FinishReason {
  /** An end token of the model, or one of {@link GenerationOptions#stopIds}, was generated. */
  STOP_ID,
  /** One of {@link GenerationOptions#stopStrings} was generated. */
  STOP_STRING,
  /** The limit {@link GenerationOptions#maxNewTokens} was reached. */
  LENGTH,
  /** The context of the model is full. */
  CONTEXT,
  /** The time limit {@link GenerationOptions#timeLimit} was reached. */
  DEADLINE,
  CANCELLED
}
