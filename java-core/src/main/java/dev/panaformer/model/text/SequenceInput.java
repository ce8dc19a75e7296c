package dev.panaformer.model.text;

/** Validates a sequence before an encoder adds it to a batch. */
final class SequenceInput {
  private SequenceInput() {}

  /**
   * Checks lengths, ids and token types of a sequence.
   *
   * @param typeIds may be null
   * @param attentionMask may be null
   * @return the index after the last token that is not masked
   * @throws IllegalArgumentException if lengths differ, all tokens are masked, or there are more
   *     tokens than positions
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary, or a token type is not
   *     known
   */
  static int requireValid(EncoderConfig config, int[] ids, int[] typeIds, int[] attentionMask) {
    requireLength("typeIds", typeIds, ids.length);
    requireLength("attentionMask", attentionMask, ids.length);
    int end = ids.length;
    while (end > 0 && attentionMask != null && attentionMask[end - 1] == 0) {
      end--;
    }
    if (end == 0) {
      throw new IllegalArgumentException("a sequence without tokens");
    }
    if (end > config.maxTokens()) {
      throw new IllegalArgumentException(
          "a sequence of " + end + " tokens; the model has positions for " + config.maxTokens());
    }
    for (int i = 0; i < end; i++) {
      requireIndex("id", i, ids[i], config.vocabSize());
      if (typeIds != null && config.typeVocabSize() > 0) {
        requireIndex("token type", i, typeIds[i], config.typeVocabSize());
      }
    }
    return end;
  }

  private static void requireLength(String name, int[] values, int expected) {
    if (values != null && values.length != expected) {
      throw new IllegalArgumentException(values.length + " " + name + " for " + expected + " ids");
    }
  }

  private static void requireIndex(String what, int token, int index, int count) {
    if (index < 0 || index >= count) {
      throw new IndexOutOfBoundsException(
          "token " + token + " has " + what + " " + index + ", the model has " + count);
    }
  }
}
