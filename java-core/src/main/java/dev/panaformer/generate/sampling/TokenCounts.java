package dev.panaformer.generate.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.GenerationOptions;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** The tokens that a text holds, for the penalties they get. Not thread-safe. */
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
      if (id >= 0) { // none of the rows of embeddings
        place(id);
      }
    }
  }

  public void addGenerated(int id) {
    // Not generated[place(id)]++, which takes the array before it grows.
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
   * Penalizes a row in place.
   *
   * @param logits float32, the row's beginning at {@code offset}
   * @param zero what counts as 0: a repeated token's distance from it is what is scaled. 0 for
   *     logits; their logarithmic sum makes log-probabilities of them, as a beam search wants.
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
