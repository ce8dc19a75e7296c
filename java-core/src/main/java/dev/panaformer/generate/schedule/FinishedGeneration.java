package dev.panaformer.generate.schedule;

import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.GenerationResult;
import dev.panaformer.generate.RankedText;
import java.time.Duration;
import java.util.List;

/** The result of a {@link RunningGeneration}. */
record FinishedGeneration(
    String text,
    int[] ids,
    float[] logProbabilities,
    List<RankedText> ranking,
    FinishReason finishReason,
    int promptTokens,
    long seed,
    Duration timeToFirstToken,
    Duration time)
    implements GenerationResult {}
