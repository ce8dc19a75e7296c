package dev.panaformer.generate.schedule;

import dev.panaformer.generate.ContextOverflow;
import dev.panaformer.generate.GenerationOptions;
import java.util.Arrays;

/** Checks what texts are generated from against the limits of a model. */
final class Inputs {
  private final String name;
  private final Decoder decoder;

  /**
   * @param name the name of the model, for messages
   */
  Inputs(String name, Decoder decoder) {
    this.name = name;
    this.decoder = decoder;
  }

  /** Wraps ids in a prompt. Negative ids are refused, like all ids outside the vocabulary. */
  Prompt prompt(int[] ids) {
    requireIds(ids);
    return Prompt.of(ids);
  }

  Source requireSource(Source source) {
    if (source.length() == 0) {
      throw new IllegalArgumentException(name + ": a source without tokens");
    }
    if (source.length() > decoder.sourceLength()) {
      throw tooLong("source", source.length(), decoder.sourceLength());
    }
    if (source.states().length > 0) {
      requireWidth("states", source.states().length / source.length());
    }
    return source;
  }

  private void requireWidth(String what, int width) {
    if (width != decoder.width()) {
      throw new IllegalArgumentException(
          String.format(
              "%s: %s of %d features, the model's have %d", name, what, width, decoder.width()));
    }
  }

  /** Checks that rows of embeddings, if a prompt has any, are as wide as the model's. */
  void requireRows(Prompt prompt) {
    if (prompt.rows().length > 0) {
      requireWidth("rows of embeddings", prompt.width());
    }
  }

  /**
   * @param decodes whether there is a tokenizer
   */
  void requireOptions(GenerationOptions options, int maxSequences, boolean decodes) {
    if (options.beams() > maxSequences) {
      throw new IllegalArgumentException(
          options.beams() + " beams, " + name + " runs at most " + maxSequences + " sequences");
    }
    if (!options.stopStrings().isEmpty() && !decodes) {
      throw new IllegalArgumentException("stopStrings for " + name + ", which has no tokenizer");
    }
    for (int id : options.stopIds()) {
      requireId("a stop id", id);
    }
    for (int id : options.suppressedIds()) {
      requireId("a suppressed token", id);
    }
    options.forcedStart().ifPresent(id -> requireId("forcedStart", id));
    options.forcedEnd().ifPresent(id -> requireId("forcedEnd", id));
  }

  /** Checks a text whose tokens from {@code first} on are scored. */
  void requireScored(int[] ids, int first) {
    if (first < 1 || first >= ids.length) {
      throw new IllegalArgumentException(
          "the first token to score is " + first + ", expected 1 to " + (ids.length - 1));
    }
    if (ids.length - 1 > decoder.contextLength()) {
      throw tooLong("text", ids.length, decoder.contextLength() + 1);
    }
    requireIds(ids);
  }

  /**
   * Returns a copy of a prompt, or of its end if it is too long and may be cut.
   *
   * @param prompt token ids, and negative ids for rows of embeddings
   */
  int[] fit(int[] prompt, ContextOverflow overflow) {
    if (prompt.length == 0) {
      throw new IllegalArgumentException("a prompt without tokens");
    }
    for (int i = 0; i < prompt.length; i++) {
      if (prompt[i] >= decoder.vocabulary()) {
        requireId("token " + i, prompt[i]);
      }
    }
    int context = decoder.contextLength();
    if (prompt.length <= context) {
      return prompt.clone();
    }
    if (overflow == ContextOverflow.REFUSE) {
      throw tooLong("prompt", prompt.length, context);
    }
    return Arrays.copyOfRange(prompt, prompt.length - context, prompt.length);
  }

  private IllegalArgumentException tooLong(String what, int tokens, int most) {
    return new IllegalArgumentException(
        name + ": a " + what + " of " + tokens + " tokens, at most " + most + " are allowed");
  }

  private void requireIds(int[] ids) {
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= decoder.vocabulary()) {
        requireId("token " + i, ids[i]);
      }
    }
  }

  private void requireId(String what, int id) {
    if (id < 0 || id >= decoder.vocabulary()) {
      throw new IndexOutOfBoundsException(
          what + " has id " + id + ", the model has " + decoder.vocabulary());
    }
  }
}
