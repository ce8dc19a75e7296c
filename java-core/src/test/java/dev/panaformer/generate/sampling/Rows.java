package dev.panaformer.generate.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Rows of logits and their best tokens, worked out the plain way. */
public final class Rows {
  private Rows() {}

  public static MemorySegment segment(float[]... rows) {
    int vocabulary = rows[0].length;
    float[] all = new float[rows.length * vocabulary];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(rows[r], 0, all, r * vocabulary, vocabulary);
    }
    return MemorySegment.ofArray(all);
  }

  public static Candidates candidates(int count, float inverseTemperature, float[]... rows) {
    float[] values = new float[rows.length * count];
    int[] ids = new int[rows.length * count];
    float[] sums = new float[rows.length];
    for (int r = 0; r < rows.length; r++) {
      float[] row = rows[r];
      int[] order =
          IntStream.range(0, row.length)
              .boxed()
              .sorted(Comparator.comparingDouble(id -> Float.isNaN(row[id]) ? 0 : -row[id]))
              .mapToInt(id -> id)
              .toArray();
      double max = (double) row[order[0]] * inverseTemperature;
      double sum = 0;
      for (float logit : row) {
        sum += Math.exp((double) logit * inverseTemperature - max);
      }
      sums[r] = (float) (max + Math.log(sum));
      for (int i = 0; i < count; i++) {
        boolean nan = Double.isNaN(sum);
        ids[r * count + i] = nan ? -1 : order[i];
        values[r * count + i] = nan ? Float.NaN : row[order[i]];
      }
    }
    return new Candidates(
        MemorySegment.ofArray(values),
        MemorySegment.ofArray(ids),
        MemorySegment.ofArray(sums),
        count);
  }

  public static float[] row(MemorySegment logits, int vocabulary) {
    float[] row = new float[vocabulary];
    MemorySegment.copy(logits, JAVA_FLOAT, 0, row, 0, vocabulary);
    return row;
  }
}
