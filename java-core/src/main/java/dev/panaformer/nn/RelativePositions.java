package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Attention;
import dev.panaformer.kernel.DistanceBias;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * What T5 adds to attention scores by the distance of key and query (Raffel et al. 2020, section
 * 2.1): near distances have a bucket each, far ones share logarithmically larger buckets, and all
 * beyond the reach share the last. Learned for each bucket and head, the same in all layers.
 *
 * @param table {@code [heads, 2 reach + 1]}, of the distances {@code key - query} from {@code
 *     -reach} to {@code reach}
 */
public record RelativePositions(MemorySegment table, int heads, int reach) {

  /**
   * Of an encoder, whose tokens see both ways.
   *
   * @param name of the tensor {@code [buckets, heads]}
   */
  public static RelativePositions load(
      Weights w, String name, int heads, int buckets, int maxDistance) {
    MemorySegment learned = w.tensor(name, buckets, heads);
    int reach = maxDistance;
    long row = 2L * reach + 1;
    MemorySegment table = w.floats(heads * row);
    for (int distance = -reach; distance <= reach; distance++) {
      int bucket = bucket(Math.abs(distance), buckets / 2, maxDistance);
      copyBucket(
          learned,
          distance > 0 ? bucket + buckets / 2 : bucket,
          heads,
          table,
          row,
          distance + reach);
    }
    return new RelativePositions(table, heads, reach);
  }

  /**
   * Of a decoder, whose tokens see those before them.
   *
   * @param name of the tensor {@code [buckets, heads]}
   */
  public static DistanceBias loadCausal(
      Weights w, String name, int heads, int buckets, int maxDistance) {
    MemorySegment learned = w.tensor(name, buckets, heads);
    long row = maxDistance + 1L;
    MemorySegment table = w.floats(heads * row);
    for (int distance = 0; distance <= maxDistance; distance++) {
      copyBucket(learned, bucket(distance, buckets, maxDistance), heads, table, row, distance);
    }
    return new DistanceBias(table, row);
  }

  private static void copyBucket(
      MemorySegment learned, int bucket, int heads, MemorySegment table, long row, long column) {
    for (int h = 0; h < heads; h++) {
      float value = learned.getAtIndex(JAVA_FLOAT, (long) bucket * heads + h);
      table.setAtIndex(JAVA_FLOAT, h * row + column, value);
    }
  }

  /** In float32, as the reference rounds: it decides on which side of an edge a distance falls. */
  static int bucket(int distance, int buckets, int maxDistance) {
    int exact = buckets / 2;
    if (distance < exact) {
      return distance;
    }
    float share = (float) Math.log((float) distance / exact);
    share /= (float) Math.log((double) maxDistance / exact);
    return Math.min(exact + (int) (share * (buckets - exact)), buckets - 1);
  }

  /** Lets an attention call over whole sequences add these. */
  void addTo(Attention attention, TokenBatch batch, Workspace workspace) {
    int longest = 1;
    for (int s = 0; s < batch.sequences(); s++) {
      longest = Math.max(longest, batch.length(s));
    }
    long width = 2L * longest - 1;
    MemorySegment spread = workspace.floats(Buffer.POSITION_BIAS, heads * width);
    long row = 2L * reach + 1;
    int near = Math.min(longest - 1, reach);
    for (int h = 0; h < heads; h++) {
      long center = h * width + longest - 1;
      MemorySegment.copy(
          table,
          (h * row + reach - near) * Float.BYTES,
          spread,
          (center - near) * Float.BYTES,
          (2L * near + 1) * Float.BYTES);
      for (int distance = near + 1; distance < longest; distance++) {
        float before = table.getAtIndex(JAVA_FLOAT, h * row);
        float after = table.getAtIndex(JAVA_FLOAT, h * row + 2L * reach);
        spread.setAtIndex(JAVA_FLOAT, center - distance, before);
        spread.setAtIndex(JAVA_FLOAT, center + distance, after);
      }
    }
    attention.bias(spread, longest - 1, 0, width, -1);
  }
}
