package dev.panaformer.tokenizer.pattern;

import dev.panaformer.tokenizer.text.Text;
import java.util.function.IntPredicate;

/** Matches a run of {@code min} to {@code max} characters of a class, as many as there are. */
final class RunScanner extends Scanner {
  private final IntPredicate set;
  private final int min;
  private final int max;

  RunScanner(IntPredicate set, int min, int max) {
    this.set = set;
    this.min = min;
    this.max = max;
  }

  @Override
  int match(Text text, int at, int to) {
    int count = 0;
    int i = at;
    while (i < to && count < max) {
      int c = text.codePointAt(i);
      if (!set.test(c)) {
        break;
      }
      i += Character.charCount(c);
      count++;
    }
    return count >= min ? i : -1;
  }
}
