package dev.panaformer.model.decoder;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.decoder.Transformer.Normalization;
import dev.panaformer.model.decoder.Transformer.Positions;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Word embeddings that are tied to the head are in memory only once. */
class TiedHeadTest {
  /** The word embeddings are much larger than all other weights. Their rows fill whole panels. */
  private static final int VOCABULARY = 4096;

  private static final int WIDTH = 8;
  private static final long TABLE = (long) VOCABULARY * WIDTH * Float.BYTES;
  private static final long REST = TABLE / 4;
  private static final int[] IDS = {0, 4095, 17, 31, 32, 1000};

  @TempDir Path folder;

  static List<Named<Supplier<Kernels>>> kernels() {
    return TestKernels.all();
  }

  private static Tensor noise(Random random, long... shape) {
    float[] values = new float[Math.toIntExact(Tensor.elements(shape))];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.ofFloats(values, shape);
  }

  private static Map<String, Tensor> weights(String words, String... stacks) {
    Random random = new Random(5);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(words, noise(random, VOCABULARY, WIDTH));
    for (String stack : stacks) {
      String layer = stack + ".layers.0.";
      for (String attention : List.of("self_attn.", "encoder_attn.")) {
        for (String projection : List.of("q_proj", "k_proj", "v_proj", "out_proj")) {
          tensors.put(layer + attention + projection + ".weight", noise(random, WIDTH, WIDTH));
        }
      }
      for (String norm : List.of("self_attn", "encoder_attn", "final")) {
        tensors.put(layer + norm + "_layer_norm.weight", noise(random, WIDTH));
      }
      tensors.put(stack + ".layer_norm.weight", noise(random, WIDTH));
      tensors.put(layer + "fc1.weight", noise(random, 16, WIDTH));
      tensors.put(layer + "fc2.weight", noise(random, WIDTH, 16));
    }
    return tensors;
  }

  private static Transformer.Builder decoder() {
    return Transformer.builder()
        .decoderLayers(1)
        .vocabularies(VOCABULARY, VOCABULARY)
        .width(WIDTH)
        .heads(2)
        .intermediate(16)
        .positions(Positions.NONE)
        .normalization(Normalization.RMS_NORM, 1e-6f)
        .biases(false);
  }

  private record Outcome(long bytes, float[] hidden, float[] logits) {}

  private Outcome run(
      Kernels kernels, Transformer.Builder builder, Map<String, Tensor> tensors, boolean encodes)
      throws IOException {
    Path file = folder.resolve("model.safetensors");
    SafetensorsWriter.write(file, tensors, Map.of());
    try (SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(file);
        NativeMemory memory = new NativeMemory();
        Workspace workspace = new Workspace();
        KvCache cache = new KvCache(1, 2, WIDTH / 2, 4, 4);
        DecoderBatch batch = new DecoderBatch();
        Weights weights = new Weights(checkpoint, kernels, memory, WeightNames.SAME)) {
      Transformer transformer = builder.build(weights);
      MemorySegment hidden;
      if (encodes) {
        for (int id : IDS) {
          workspace.batch().add(id, 0, 0);
        }
        workspace.batch().endSequence();
        hidden = transformer.encode(workspace.batch(), workspace, Trace.NONE);
      } else {
        batch.add(cache.open(), IDS, 0, IDS.length);
        hidden = transformer.decode(batch, cache, workspace, Trace.NONE);
      }
      MemorySegment logits = memory.allocate(JAVA_FLOAT, (long) IDS.length * VOCABULARY);
      kernels
          .linear()
          .linear(
              hidden,
              transformer.head().orElseThrow(),
              MemorySegment.NULL,
              logits,
              IDS.length,
              Activation.NONE);
      return new Outcome(
          memory.bytes() - logits.byteSize(),
          hidden.asSlice(0, 4L * IDS.length * WIDTH).toArray(JAVA_FLOAT),
          logits.toArray(JAVA_FLOAT));
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void aDecoderKeepsThemOnceUnlessItsHeadIsAnother(Supplier<Kernels> create) throws IOException {
    String words = "decoder.embed_tokens.weight";
    Map<String, Tensor> tensors = weights(words, "decoder");
    try (Kernels kernels = create.get()) {
      Outcome tied = run(kernels, decoder(), tensors, false);
      assertTrue(tied.bytes >= TABLE && tied.bytes < TABLE + REST, tied.bytes + " bytes");

      tensors.put("lm_head.weight", tensors.get(words));
      Outcome stored = run(kernels, decoder(), tensors, false);
      assertEquals(tied.bytes, stored.bytes);
      assertArrayEquals(tied.hidden, stored.hidden);
      assertArrayEquals(tied.logits, stored.logits);

      Outcome untied = run(kernels, decoder().tiedHead(false), tensors, false);
      assertEquals(tied.bytes + TABLE, untied.bytes);
      assertArrayEquals(tied.hidden, untied.hidden);
      assertArrayEquals(tied.logits, untied.logits);

      tensors.put("lm_head.weight", noise(new Random(6), VOCABULARY, WIDTH));
      Outcome another = run(kernels, decoder(), tensors, false);
      assertEquals(untied.bytes, another.bytes);
      assertArrayEquals(tied.hidden, another.hidden);
    }
  }

  /** Embeddings and logits are scaled, as in T5 and BART, but the shared table is not. */
  @ParameterizedTest
  @MethodSource("kernels")
  void encoderDecoderAndHeadHaveOneTable(Supplier<Kernels> create) throws IOException {
    Map<String, Tensor> tensors = weights("shared.weight", "encoder", "decoder");
    Supplier<Transformer.Builder> builder =
        () ->
            decoder()
                .encoderLayers(1)
                .vocabulary(VOCABULARY)
                .embeddingScale(3)
                .lastNorm(true)
                .headScale((float) (1 / Math.sqrt(WIDTH)));
    try (Kernels kernels = create.get()) {
      Outcome tied = run(kernels, builder.get(), tensors, true);
      assertTrue(tied.bytes >= TABLE && tied.bytes < TABLE + REST, tied.bytes + " bytes");

      tensors.put("lm_head.weight", tensors.get("shared.weight"));
      Outcome untied = run(kernels, builder.get().tiedHead(false), tensors, true);
      assertEquals(tied.bytes + TABLE, untied.bytes);
      assertArrayEquals(untied.hidden, tied.hidden);
      assertArrayEquals(untied.logits, tied.logits);
    }
  }
}
