package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;

/**
 * Relative position bias of T5 (Raffel et al. 2020, section 2.1). A bias that depends on the
 * distance from query to key is added to the attention score. Distances are grouped into buckets:
 * each small distance has its own bucket, larger distances share buckets whose size grows
 * logarithmically, and all distances beyond the reach share the last bucket. Each bucket and head
 * has a learned value, which is the same in all layers.
 *
 * @param table {@code [heads, 2 reach + 1]} on the heap: the bias of each distance {@code key -
 *     query} from {@code -reach} to {@code reach}
 */
public record RelativePositions(float[] table, int heads, int reach) {
  private static final Buffer BIAS = Buffer.named("relative position bias");

  /**
   * The bias of an encoder, where queries attend to keys on both sides.
   *
   * @param learned {@code [buckets, heads]}
   */
  public static RelativePositions of(float[] learned, int heads, int buckets, int maxDistance) {
    int reach = maxDistance;
    int row = 2 * reach + 1;
    float[] table = new float[heads * row];
    for (int distance = -reach; distance <= reach; distance++) {
      int bucket = bucket(Math.abs(distance), buckets / 2, maxDistance);
      int entry = distance > 0 ? bucket + buckets / 2 : bucket;
      for (int h = 0; h < heads; h++) {
        table[h * row + distance + reach] = learned[entry * heads + h];
      }
    }
    return new RelativePositions(table, heads, reach);
  }

  /**
   * The bias of a decoder, where queries attend only to keys before them, as a {@link
   * dev.panaformer.kernel.decoding.DistanceBias} has it.
   *
   * @param learned {@code [buckets, heads]}
   * @return {@code [heads, maxDistance + 1]}
   */
  public static float[] causal(float[] learned, int heads, int buckets, int maxDistance) {
    int row = maxDistance + 1;
    float[] table = new float[heads * row];
    for (int i = 0; i < table.length; i++) {
      int entry = bucket(i % row, buckets, maxDistance);
      table[i] = learned[entry * heads + i / row];
    }
    return table;
  }

  /**
   * The bucket of a distance. It is computed in float32, as in the reference, because rounding
   * decides between two buckets at an edge.
   */
  static int bucket(int distance, int buckets, int maxDistance) {
    int exact = buckets / 2;
    if (distance < exact) {
      return distance;
    }
    float share = (float) Math.log((float) distance / exact);
    share /= (float) Math.log((double) maxDistance / exact);
    return Math.min(exact + (int) (share * (buckets - exact)), buckets - 1);
  }

  /** Sets the bias of an attention call over whole sequences. */
  void addTo(Pass pass, Attention attention) {
    TokenBatch batch = pass.batch();
    int longest = 1;
    for (int s = 0; s < batch.sequences(); s++) {
      longest = Math.max(longest, batch.length(s));
    }
    int last = longest - 1;
    long width = 2L * last + 1;
    MemorySegment spread = pass.floats(BIAS, heads * width);
    pass.kernels().memory().write(spread, heads * width, pass.workspace(), y -> spread(y, last));
    attention.bias(spread, last, 0, width, -1);
  }

  /**
   * Writes the table for distances from {@code -last} to {@code last}, {@code [heads, 2 last + 1]}.
   * Distances beyond the reach get the value of the reach.
   */
  private void spread(MemorySegment y, int last) {
    int row = 2 * reach + 1;
    int near = Math.min(last, reach);
    for (int h = 0; h < heads; h++) {
      long center = h * (2L * last + 1) + last;
      MemorySegment.copy(
          table,
          h * row + reach - near,
          y,
          JAVA_FLOAT,
          (center - near) * Float.BYTES,
          2 * near + 1);
      for (int distance = near + 1; distance <= last; distance++) {
        y.setAtIndex(JAVA_FLOAT, center - distance, table[h * row]);
        y.setAtIndex(JAVA_FLOAT, center + distance, table[h * row + 2 * reach]);
      }
    }
  }
}
