package dev.panaformer.tokenizer.text;

/**
 * A text that normalizers rewrite one after another. A normalizer reads {@link #text}, appends to
 * the text that {@link #begin} returns, and calls {@link #commit}. Not thread-safe.
 */
public final class Draft {
  private Text text = new Text();
  private Text next = new Text();

  /** The text as the last normalizer left it. */
  public Text text() {
    return text;
  }

  /** Empties the text. */
  public Text clear(boolean aligned) {
    text.clear(aligned);
    return text;
  }

  /** An empty text, aligned if the current text is. */
  public Text begin() {
    next.clear(text.isAligned());
    return next;
  }

  /** Makes what was appended since {@link #begin} the text. */
  public void commit() {
    Text old = text;
    text = next;
    next = old;
  }

  /** The number of chars that the texts can hold without growing. */
  public int capacity() {
    return text.capacity() + next.capacity();
  }
}
