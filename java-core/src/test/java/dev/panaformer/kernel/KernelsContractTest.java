package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.embedding.EmbeddingTables.Table;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.FeedForwardWeights;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Properties of all families of kernels together. */
class KernelsContractTest extends KernelContract {
  @Test
  void nothingToComputeIsNoError() {
    MemorySegment none = MemorySegment.NULL;
    MemorySegment w = segment(random(12));
    PackedWeight up = kernels.packing().pack("up", w, 4, 3, arena);
    PackedWeight down = kernels.packing().pack("down", w, 3, 4, arena);
    kernels.linear().linear(none, new LinearWeights(up, none), none, none, 0, Activation.NONE);
    kernels
        .linear()
        .feedForward(
            none,
            FeedForwardWeights.plain(
                new LinearWeights(up, none), new LinearWeights(down, none), Activation.RELU),
            none,
            none,
            0,
            workspace);
    kernels.norm().layerNorm(none, none, new NormWeights(w, none, 3, EPS), none, 0);
    kernels.norm().rmsNorm(none, none, new NormWeights(w, 3, EPS), none, 0);
    kernels.norm().softmax(none, none, 0, 3);
    kernels.linear().activate(none, none, 0, Activation.TANH);
    TokenBatch batch = workspace.batch();
    kernels.embedding().pool(none, batch.lengths(), none, 3, Pooling.MEAN, true);
    kernels
        .attention()
        .attention(Attention.in(workspace).of(1, 1, 3, 1).packed(none, none, batch), workspace);
    kernels
        .embedding()
        .embedding(
            new EmbeddingTables(
                new Table(w, 4), Table.NONE, Table.NONE, new NormWeights(w, w, 3, EPS)),
            batch,
            none,
            workspace);
  }

  @Test
  void aSequenceDoesNotDependOnItsBatch() {
    Encoder encoder = new Encoder();
    int[] lengths = {7, 1, 65, 17, 63};
    batch(lengths, 40);
    int tokens = workspace.batch().tokens();
    float[] together = encoder.run(workspace.batch());
    int first = 0;
    for (int length : lengths) {
      TokenBatch all = workspace.batch();
      try (TokenBatch alone = new TokenBatch()) {
        for (int t = first; t < first + length; t++) {
          alone.add(
              all.ids().getAtIndex(JAVA_INT, t),
              all.positionIds().getAtIndex(JAVA_INT, t),
              all.tokenTypeIds().getAtIndex(JAVA_INT, t));
        }
        alone.endSequence();
        float[] expected =
            Arrays.copyOfRange(together, first * encoder.hidden, (first + length) * encoder.hidden);
        assertArrayEquals(expected, encoder.run(alone));
      }
      first += length;
    }
    assertEquals(tokens, first);
  }

  @Test
  void theNumberOfThreadsDoesNotMatter() {
    if (!(kernels instanceof NativeKernels nativeKernels)) {
      return;
    }
    Encoder encoder = new Encoder();
    batch(new int[] {7, 1, 65, 17, 63, 197}, 40);
    float[] expected = encoder.run(workspace.batch());
    for (int threads : new int[] {1, 2, 5}) {
      try (Kernels others = NativeKernels.create(nativeKernels.isa(), threads)) {
        kernels.close();
        kernels = others;
        assertArrayEquals(expected, encoder.run(workspace.batch()));
      }
    }
  }

  /** Runs all kernels of an encoder layer one after the other. */
  private final class Encoder {
    final int hidden = 68;
    final int intermediate = 150;
    final MemorySegment tables = segment(random(200 * hidden));
    final MemorySegment vector = segment(random(3 * hidden));
    final PackedWeight qkv =
        kernels
            .packing()
            .pack("qkv", segment(random(3 * hidden * hidden)), 3 * hidden, hidden, arena);
    final PackedWeight up =
        kernels
            .packing()
            .pack("up", segment(random(intermediate * hidden)), intermediate, hidden, arena);
    final PackedWeight down =
        kernels
            .packing()
            .pack("down", segment(random(intermediate * hidden)), hidden, intermediate, arena);

    float[] run(TokenBatch batch) {
      int tokens = batch.tokens();
      MemorySegment none = MemorySegment.NULL;
      MemorySegment x = output(tokens * hidden);
      MemorySegment projected = output(tokens * 3 * hidden);
      MemorySegment context = output(tokens * hidden);
      EmbeddingTables embeddings =
          new EmbeddingTables(
              new Table(tables, 40),
              new Table(tables, 200),
              new Table(tables, 2),
              new NormWeights(vector, vector, hidden, EPS));
      kernels.embedding().embedding(embeddings, batch, x, workspace);
      kernels
          .linear()
          .linear(x, new LinearWeights(qkv, vector), none, projected, tokens, Activation.NONE);
      kernels
          .attention()
          .attention(
              Attention.in(workspace).of(4, 4, 17, 0.25f).packed(projected, context, batch),
              workspace);
      kernels.norm().layerNorm(context, x, new NormWeights(vector, vector, hidden, EPS), x, tokens);
      kernels
          .linear()
          .feedForward(
              x,
              FeedForwardWeights.plain(
                  new LinearWeights(up, none),
                  new LinearWeights(down, vector),
                  Activation.GELU_TANH),
              x,
              context,
              tokens,
              workspace);
      kernels.norm().rmsNorm(context, none, new NormWeights(vector, hidden, EPS), x, tokens);
      kernels.linear().activate(x, x, (long) tokens * hidden, Activation.SILU);
      kernels.norm().softmax(x, x, tokens, hidden);
      return floats(x, 0, tokens * hidden);
    }
  }
}
