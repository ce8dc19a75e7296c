package dev.panaformer.tokenizer.normalize;

import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;

/** SentencePiece's rules for control characters: some are removed, some become spaces. */
record Nmt() implements Normalizer {
  @Override
  public void normalize(Draft draft) {
    Filter.apply(draft, Nmt::isRemoved);
    Text text = draft.text();
    for (int i = 0; i < text.length(); i++) {
      if (isSpace(text.charAt(i))) {
        text.set(i, ' ');
      }
    }
  }

  private static boolean isRemoved(int c) {
    return c >= 1 && c <= 8
        || c == 0x0B
        || c >= 0x0E && c <= 0x1F
        || c == 0x7F
        || c == 0x8F
        || c == 0x9F;
  }

  private static boolean isSpace(char c) {
    return switch (c) {
      case '\t', '\n', '\f', '\r', 0x1680, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD -> true;
      default -> c >= 0x200B && c <= 0x200F;
    };
  }
}
