package dev.panaformer.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class GenerationOptionsTest {
  private static void refuses(String name, UnaryOperator<GenerationOptions.Builder> change) {
    GenerationOptions.Builder builder = change.apply(GenerationOptions.builder());
    Exception e = assertThrows(IllegalArgumentException.class, builder::build);
    assertTrue(e.getMessage().startsWith(name + " is "), e.getMessage());
  }

  @Test
  void refusesWhatIsOutOfRange() {
    refuses("temperature", b -> b.temperature(-0.1));
    refuses("temperature", b -> b.temperature(Double.NaN));
    refuses("temperature", b -> b.temperature(1e-4));
    refuses("temperature", b -> b.temperature(1).beams(2));
    refuses("topK", b -> b.topK(-1));
    refuses("topP", b -> b.topP(0));
    refuses("topP", b -> b.topP(1.01));
    refuses("topP", b -> b.topP(Double.NaN));
    refuses("minP", b -> b.minP(-0.1));
    refuses("minP", b -> b.minP(1.1));
    refuses("repetitionPenalty", b -> b.repetitionPenalty(0));
    refuses("presencePenalty", b -> b.presencePenalty(Double.NaN));
    refuses("frequencyPenalty", b -> b.frequencyPenalty(Double.POSITIVE_INFINITY));
    refuses("maxNewTokens", b -> b.maxNewTokens(0));
    refuses("minNewTokens", b -> b.minNewTokens(3).maxNewTokens(2));
    refuses("beams", b -> b.beams(0));
    refuses("beams", b -> b.beams(65));
    refuses("lengthPenalty", b -> b.lengthPenalty(Double.NaN));
    refuses("stopStrings", b -> b.stopStrings(List.of("")));
    refuses("timeLimit", b -> b.timeLimit(Duration.ZERO));
  }

  @Test
  void aBuilderKeepsEveryValue() {
    GenerationOptions options =
        GenerationOptions.builder()
            .maxNewTokens(3)
            .minNewTokens(2)
            .temperature(0.5)
            .topK(4)
            .topP(0.25)
            .minP(0.125)
            .repetitionPenalty(1.5)
            .presencePenalty(-1)
            .frequencyPenalty(0.75)
            .seed(-1)
            .lengthPenalty(-2)
            .earlyStopping(EarlyStopping.WHEN_IMPOSSIBLE_TO_IMPROVE)
            .stopAtEndToken(false)
            .stopIds(Set.of(5))
            .stopStrings(List.of("x"))
            .timeLimit(Duration.ofSeconds(1))
            .contextOverflow(ContextOverflow.SLIDE)
            .cacheShortage(CacheShortage.FAIL)
            .logProbabilities(true)
            .build();
    assertEquals(options, options.toBuilder().build());
  }
}
