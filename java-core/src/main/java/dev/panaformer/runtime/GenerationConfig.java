package dev.panaformer.runtime;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.GenerationOptions;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Reads the generation settings that a checkpoint recommends: generation_config.json, or the fields
 * of the same names in an older config.json. Every field that can change the text of an
 * encoder-decoder in Hugging Face's transformers is either read or refused by name.
 */
final class GenerationConfig {
  /** The default of {@code top_k} in Hugging Face's transformers. */
  private static final int DEFAULT_TOP_K = 50;

  private GenerationConfig() {}

  /**
   * @param json the fields of the file; all of them are optional
   * @param vocabulary the size of the vocabulary; token ids must be below it
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is invalid or not supported,
   *     naming the field
   */
  static GenerationOptions of(ConfigJson json, int vocabulary) {
    refuseUnknown(json);
    GenerationOptions.Builder options =
        GenerationOptions.builder()
            .repetitionPenalty(json.optionalDouble("repetition_penalty", 1, 1e-6, 1e6))
            .noRepeatNgram(json.optionalInt("no_repeat_ngram_size", 0, 0, 1 << 16))
            .suppressedIds(suppressed(json, vocabulary));
    length(json, options);
    int beams = json.optionalInt("num_beams", 1, 1, 64);
    options
        .beams(beams)
        .lengthPenalty(json.optionalDouble("length_penalty", 1, -1e6, 1e6))
        .earlyStopping(earlyStopping(json));
    if (json.optionalBoolean("do_sample", false)) {
      if (beams > 1) {
        throw json.unsupported("do_sample", "false with num_beams above 1");
      }
      options
          .temperature(json.optionalDouble("temperature", 1, 1e-3, 1e3))
          .topK(json.optionalInt("top_k", DEFAULT_TOP_K, 0, Integer.MAX_VALUE))
          .topP(json.optionalDouble("top_p", 1, 1e-9, 1));
    }
    if (json.has("forced_bos_token_id")) {
      options.forcedStart(json.requireInt("forced_bos_token_id", 0, vocabulary - 1));
    }
    if (json.has("forced_eos_token_id")) {
      options.forcedEnd(json.requireInt("forced_eos_token_id", 0, vocabulary - 1));
    }
    return options.build();
  }

  /**
   * Reads the length limits. The file counts the start token, {@link GenerationOptions} does not.
   */
  private static void length(ConfigJson json, GenerationOptions.Builder options) {
    int most = GenerationOptions.DEFAULT.maxNewTokens();
    if (json.has("max_length")) {
      most = Math.max(1, json.requireInt("max_length", 1, 1 << 24) - 1);
    }
    most = json.optionalInt("max_new_tokens", most, 1, 1 << 24);
    int least = Math.max(0, json.optionalInt("min_length", 0, 0, 1 << 24) - 1);
    least = json.optionalInt("min_new_tokens", least, 0, 1 << 24);
    options.maxNewTokens(most).minNewTokens(Math.min(least, most));
  }

  private static EarlyStopping earlyStopping(ConfigJson json) {
    if (json.value("early_stopping") instanceof String text) {
      if (!text.equals("never")) {
        throw json.wrong("early_stopping", "true, false or \"never\"");
      }
      return EarlyStopping.WHEN_IMPOSSIBLE_TO_IMPROVE;
    }
    return json.optionalBoolean("early_stopping", false)
        ? EarlyStopping.WHEN_FULL
        : EarlyStopping.WHEN_UNLIKELY_TO_IMPROVE;
  }

  private static Set<Integer> suppressed(ConfigJson json, int vocabulary) {
    Set<Integer> ids = new HashSet<>();
    for (Object id : array(json, "suppress_tokens")) {
      ids.add(id(json, "suppress_tokens", id, vocabulary));
    }
    for (Object word : array(json, "bad_words_ids")) {
      if (!(word instanceof List<?> tokens && tokens.size() == 1)) {
        throw json.unsupported("bad_words_ids", "words of one token each");
      }
      ids.add(id(json, "bad_words_ids", tokens.get(0), vocabulary));
    }
    return ids;
  }

  private static List<?> array(ConfigJson json, String field) {
    if (!json.has(field)) {
      return List.of();
    }
    if (!(json.value(field) instanceof List<?> elements)) {
      throw json.wrong(field, "an array");
    }
    return elements;
  }

  private static int id(ConfigJson json, String field, Object element, int vocabulary) {
    if (element instanceof Number number
        && number.doubleValue() == number.intValue()
        && number.intValue() >= 0
        && number.intValue() < vocabulary) {
      return number.intValue();
    }
    throw json.wrong(field, "ids below " + vocabulary);
  }

  private static void refuseUnknown(ConfigJson json) {
    if (json.optionalInt("num_beam_groups", 1, 1, 64) > 1) {
      throw json.unsupported("num_beam_groups", "1");
    }
    for (String penalty : Set.of("diversity_penalty", "penalty_alpha", "min_p", "eta_cutoff")) {
      if (json.optionalDouble(penalty, 0, -1e9, 1e9) != 0) {
        throw json.unsupported(penalty, "0");
      }
    }
    for (String neutral : Set.of("typical_p", "encoder_repetition_penalty", "guidance_scale")) {
      if (json.optionalDouble(neutral, 1, -1e9, 1e9) != 1) {
        throw json.unsupported(neutral, "1");
      }
    }
    if (json.optionalInt("encoder_no_repeat_ngram_size", 0, 0, 1 << 16) > 0) {
      throw json.unsupported("encoder_no_repeat_ngram_size", "0");
    }
    if (json.optionalBoolean("renormalize_logits", false)) {
      throw json.unsupported("renormalize_logits", "false");
    }
    for (String field :
        Set.of("begin_suppress_tokens", "exponential_decay_length_penalty", "sequence_bias")) {
      if (json.has(field)) {
        throw json.unsupported(field, "no such field");
      }
    }
  }
}
