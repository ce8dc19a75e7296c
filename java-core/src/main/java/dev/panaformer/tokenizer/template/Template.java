package dev.panaformer.tokenizer.template;

import java.util.List;

/** The order of texts and control tokens. Immutable. */
public record Template(List<Part> parts) {
  /** A part of a template. */
  public sealed interface Part {
    /** The type id of its tokens. */
    int typeId();
  }

  /**
   * A text.
   *
   * @param index 0 for the first, 1 for the second
   */
  public record Sequence(int index, int typeId) implements Part {}

  /** Control tokens. */
  public record Special(List<Integer> ids, List<String> tokens, int typeId) implements Part {}

  /** One control token. */
  static Special special(int id, String token, int typeId) {
    return new Special(List.of(id), List.of(token), typeId);
  }

  /** The texts alone, the second with type 1. */
  static final Template SINGLE = new Template(List.of(new Sequence(0, 0)));

  /** Both texts alone, the second with type 1. */
  static final Template PAIR = new Template(List.of(new Sequence(0, 0), new Sequence(1, 1)));

  public Template {
    parts = List.copyOf(parts);
  }

  /** The number of control tokens. */
  public int specialCount() {
    return parts.stream().mapToInt(part -> part instanceof Special s ? s.ids().size() : 0).sum();
  }
}
