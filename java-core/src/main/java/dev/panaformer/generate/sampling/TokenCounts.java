package dev.panaformer.generate.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.GenerationOptions;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Counts the tokens of a text and applies the penalties for repeated tokens. Not thread-safe. */
public final class TokenCounts {
  private final Map<Integer, Integer> places;
  private int[] ids;
  private int[] generated;

  public TokenCounts() {
    places = new HashMap<>();
    ids = new int[16];
    generated = new int[16];
  }

  private TokenCounts(TokenCounts other) {
    places = new HashMap<>(other.places);
    ids = other.ids.clone();
    generated = other.generated.clone();
  }

  public TokenCounts copy() {
    return new TokenCounts(this);
  }

  public void addPrompt(int[] prompt) {
    for (int id : prompt) {
      if (id >= 0) { // rows of embeddings have negative ids
        place(id);
      }
    }
  }

  public void addGenerated(int id) {
    // Not generated[place(id)]++: that would evaluate the array before place() grows it.
    int place = place(id);
    generated[place]++;
  }

  private int place(int id) {
    Integer known = places.putIfAbsent(id, places.size());
    if (known != null) {
      return known;
    }
    int place = places.size() - 1;
    if (place == ids.length) {
      ids = Arrays.copyOf(ids, 2 * place);
      generated = Arrays.copyOf(generated, 2 * place);
    }
    ids[place] = id;
    return place;
  }

  /**
   * Applies the penalties to a row in place.
   *
   * @param logits float32; the row starts at {@code offset}
   * @param zero the reference point of the repetition penalty, which scales the distance of a
   *     token's value from it. 0 for logits; the row's log-sum-exp to penalize log-probabilities,
   *     as beam search needs.
   */
  public void penalize(MemorySegment logits, long offset, float zero, GenerationOptions options) {
    float repetition = (float) options.repetitionPenalty();
    for (int i = 0; i < places.size(); i++) {
      float x = logits.getAtIndex(JAVA_FLOAT, offset + ids[i]) - zero;
      x = x < 0 ? x * repetition : x / repetition;
      if (generated[i] > 0) {
        x -= (float) (options.presencePenalty() + options.frequencyPenalty() * generated[i]);
      }
      logits.setAtIndex(JAVA_FLOAT, offset + ids[i], x + zero);
    }
  }
}
