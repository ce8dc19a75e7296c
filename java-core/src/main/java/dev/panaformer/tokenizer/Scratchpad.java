package dev.panaformer.tokenizer;

import dev.panaformer.tokenizer.model.Scratch;
import dev.panaformer.tokenizer.model.Tokens;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Pieces;
import dev.panaformer.tokenizer.vocabulary.TokenMatcher;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** The buffers of one call. They grow to what a text needs and are used again by later calls. */
final class Scratchpad {
  /** Larger buffers are left to the garbage collector. */
  private static final int MAX_CAPACITY = 1 << 17;

  final Draft draft = new Draft();
  final Pieces pieces = new Pieces();
  final Scratch scratch = new Scratch();
  final Tokens tokens = new Tokens();
  final TokenMatcher.Match match = new TokenMatcher.Match();
  final TokenMatcher.Match normalizedMatch = new TokenMatcher.Match();

  private int capacity() {
    return draft.capacity() + pieces.capacity() + scratch.capacity() + tokens.capacity();
  }

  /**
   * A bounded pool without locks. A thread looks at a few places that its id leads it to, and makes
   * new buffers where it finds none.
   */
  static final class Pool {
    private static final int PLACES = 64;
    private static final int TRIES = 4;

    private final AtomicReferenceArray<Scratchpad> places = new AtomicReferenceArray<>(PLACES);

    Scratchpad take() {
      int first = first();
      for (int i = 0; i < TRIES; i++) {
        int place = first + i & PLACES - 1;
        if (places.getPlain(place) != null) {
          Scratchpad pad = places.getAndSet(place, null);
          if (pad != null) {
            return pad;
          }
        }
      }
      return new Scratchpad();
    }

    void giveBack(Scratchpad pad) {
      if (pad.capacity() > MAX_CAPACITY) {
        return;
      }
      int first = first();
      for (int i = 0; i < TRIES; i++) {
        if (places.compareAndSet(first + i & PLACES - 1, null, pad)) {
          return;
        }
      }
    }

    private static int first() {
      return (int) (Thread.currentThread().threadId() * 0x9E3779B9L >>> 16);
    }
  }
}
