package dev.panaformer.kernel.embedding;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.Reference;
import dev.panaformer.kernel.embedding.EmbeddingTables.Table;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Embeddings and pooling, for every implementation. */
class EmbeddingKernelsTest extends KernelContract {
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 63, 65, 197, 300, 384})
  void embedding(int hidden) {
    int vocab = 17;
    float[] word = random(vocab * hidden);
    float[] position = random(9 * hidden);
    float[] type = random(2 * hidden);
    float[] weight = random(hidden);
    float[] bias = random(hidden);
    int[] lengths = {1, 7, 9};
    batch(lengths, vocab);
    TokenBatch batch = workspace.batch();
    int tokens = batch.tokens();
    for (boolean wordsAlone : new boolean[] {false, true}) {
      EmbeddingTables tables =
          new EmbeddingTables(
              new Table(segment(word), vocab),
              wordsAlone ? Table.NONE : new Table(segment(position), 9),
              wordsAlone ? Table.NONE : new Table(segment(type), 2),
              new NormWeights(segment(weight), segment(bias), hidden, EPS));
      double[] sum = new double[tokens * hidden];
      for (int t = 0; t < tokens; t++) {
        for (int i = 0; i < hidden; i++) {
          sum[t * hidden + i] = word[batch.ids().getAtIndex(JAVA_INT, t) * hidden + i];
          if (!wordsAlone) {
            sum[t * hidden + i] +=
                position[batch.positionIds().getAtIndex(JAVA_INT, t) * hidden + i]
                    + type[batch.tokenTypeIds().getAtIndex(JAVA_INT, t) * hidden + i];
          }
        }
      }
      MemorySegment y = output(tokens * hidden);
      kernels.embedding().embedding(tables, batch, y, workspace);
      assertClose(Reference.layerNorm(sum, weight, bias, hidden, EPS), y, normError(hidden));
    }
  }

  @ParameterizedTest
  @EnumSource
  void pool(Pooling pooling) {
    int[] lengths = {1, 7, 65};
    for (int hidden : new int[] {1, 7, 63, 300}) {
      batch(lengths, 10);
      TokenBatch batch = workspace.batch();
      float[] x = random(batch.tokens() * hidden);
      for (boolean normalize : new boolean[] {false, true}) {
        MemorySegment y = output(lengths.length * hidden);
        kernels.embedding().pool(segment(x), batch.lengths(), y, hidden, pooling, normalize);
        double[] expected = new double[lengths.length * hidden];
        for (int s = 0; s < lengths.length; s++) {
          double norm = 0;
          for (int i = 0; i < hidden; i++) {
            expected[s * hidden + i] = pooled(x, batch, s, hidden, i, pooling);
            norm += Math.pow(expected[s * hidden + i], 2);
          }
          for (int i = 0; i < hidden && normalize; i++) {
            expected[s * hidden + i] /= Math.max(Math.sqrt(norm), 1e-12);
          }
        }
        // Dividing by a small norm increases the error of a mean that is close to zero.
        assertClose(expected, y, (hidden + 65) * FLOAT_ULP * (normalize ? 8 : 1));
      }
    }
  }

  private static double pooled(
      float[] x, TokenBatch batch, int s, int hidden, int i, Pooling pooling) {
    double[] values = new double[batch.length(s)];
    for (int t = 0; t < values.length; t++) {
      values[t] = x[(batch.start(s) + t) * hidden + i];
    }
    return switch (pooling) {
      case CLS -> values[0];
      case LAST -> values[values.length - 1];
      case MEAN -> Arrays.stream(values).average().getAsDouble();
      case MAX -> Arrays.stream(values).max().getAsDouble();
    };
  }

  @Test
  void batchesThatDoNotFit() {
    MemorySegment tables = segment(random(30));
    EmbeddingTables embeddings =
        new EmbeddingTables(
            new Table(tables, 10),
            new Table(tables, 5),
            new Table(tables, 2),
            new NormWeights(tables, tables, 3, EPS));
    TokenBatch batch = workspace.batch();
    MemorySegment y = output(30);
    batch.add(1, 0, 0);
    refused(
        "embedding: the last 1 tokens of the batch belong to no sequence",
        () -> kernels.embedding().embedding(embeddings, batch, y, workspace));
    batch.endSequence();
    batch.endSequence();
    refused(
        "pool: sequence 1 has no token",
        () -> kernels.embedding().pool(tables, batch.lengths(), y, 3, Pooling.MEAN, false));
    outside("token 0 of sequence 0 has id 10, its table has 10 rows", embeddings, 10, 0, 0);
    outside("token 0 of sequence 0 has id -1, its table has 10 rows", embeddings, -1, 0, 0);
    outside("token 0 of sequence 0 has position 5, its table has 5 rows", embeddings, 1, 5, 0);
    outside("token 0 of sequence 0 has token type 2, its table has 2 rows", embeddings, 1, 0, 2);
  }

  private void outside(String message, EmbeddingTables tables, int id, int position, int type) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    batch.add(id, position, type);
    batch.endSequence();
    MemorySegment y = output(3);
    IndexOutOfBoundsException e =
        assertThrows(
            IndexOutOfBoundsException.class,
            () -> kernels.embedding().embedding(tables, batch, y, workspace));
    assertEquals(message, e.getMessage());
    assertTrue(Float.isNaN(y.get(JAVA_FLOAT, 0)), "written before the check");
  }
}
