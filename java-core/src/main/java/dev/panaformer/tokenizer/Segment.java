package dev.panaformer.tokenizer;

import dev.panaformer.tokenizer.model.Tokens;
import dev.panaformer.tokenizer.template.OffsetTrim;
import java.util.List;

/** The tokens of one text with their details, before the template is applied. */
record Segment(int[] ids, String[] tokens, int[] starts, int[] ends) {
  static Segment of(String text, Tokens tokens, List<OffsetTrim> trims) {
    int count = tokens.count();
    Segment segment =
        new Segment(new int[count], new String[count], new int[count], new int[count]);
    tokens.copyIds(segment.ids, 0, count);
    for (int i = 0; i < count; i++) {
      String spelling = tokens.text(i);
      int start = tokens.start(i);
      int end = tokens.end(i);
      for (OffsetTrim trim : trims) {
        start = trim.start(text, spelling, start, end, i == 0);
        end = trim.end(text, spelling, start, end);
      }
      segment.tokens[i] = spelling;
      segment.starts[i] = start;
      segment.ends[i] = end;
    }
    return segment;
  }

  int length() {
    return ids.length;
  }
}
