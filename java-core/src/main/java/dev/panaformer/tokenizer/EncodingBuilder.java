package dev.panaformer.tokenizer;

import dev.panaformer.tokenizer.template.Template;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Joins texts and control tokens to an encoding. Not thread-safe. */
final class EncodingBuilder {
  private final IntStream.Builder ids = IntStream.builder();
  private final IntStream.Builder typeIds = IntStream.builder();
  private final IntStream.Builder starts = IntStream.builder();
  private final IntStream.Builder ends = IntStream.builder();
  private final IntStream.Builder sequences = IntStream.builder();
  private final List<String> tokens = new ArrayList<>();

  void add(Template.Special special) {
    for (int i = 0; i < special.ids().size(); i++) {
      add(
          special.ids().get(i),
          special.tokens().get(i),
          special.typeId(),
          0,
          0,
          Encoding.NO_SEQUENCE);
    }
  }

  void add(Segment text, Template.Sequence sequence) {
    for (int i = 0; i < text.length(); i++) {
      add(
          text.ids()[i],
          text.tokens()[i],
          sequence.typeId(),
          text.starts()[i],
          text.ends()[i],
          sequence.index());
    }
  }

  private void add(int id, String token, int typeId, int start, int end, int sequence) {
    ids.add(id);
    tokens.add(token);
    typeIds.add(typeId);
    starts.add(start);
    ends.add(end);
    sequences.add(sequence);
  }

  Encoding build() {
    return new Encoding(
        ids.build().toArray(),
        typeIds.build().toArray(),
        tokens.toArray(String[]::new),
        starts.build().toArray(),
        ends.build().toArray(),
        sequences.build().toArray());
  }
}
