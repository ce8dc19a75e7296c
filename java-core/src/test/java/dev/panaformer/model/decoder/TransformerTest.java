package dev.panaformer.model.decoder;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.GoldenCases;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.decoder.Transformer.Normalization;
import dev.panaformer.model.decoder.Transformer.Positions;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;

/**
 * A Transformer from the builder has the same results as the model that the configuration
 * describes, with an encoder, a decoder, or both.
 */
class TransformerTest {
  private static final Path T5 = Path.of("../cli/src/test/resources/golden/t5-tiny");
  private static final Path LLAMA = GoldenCases.FOLDER.resolve("llama-lm-generate");
  private static final int[] IDS = {7, 3, 19, 44, 5, 12, 31};

  private static float[] run(
      Path folder, WeightNames names, BiFunction<Weights, Workspace, MemorySegment> forward) {
    try (SafetensorsCheckpoint checkpoint =
            SafetensorsCheckpoint.open(folder.resolve("model.safetensors"));
        Kernels kernels = new JavaKernels();
        NativeMemory memory = new NativeMemory();
        Workspace workspace = new Workspace();
        Weights weights = new Weights(checkpoint, kernels, memory, names)) {
      MemorySegment hidden = forward.apply(weights, workspace);
      return hidden.asSlice(0, 4L * IDS.length * 12).toArray(JAVA_FLOAT);
    }
  }

  private static float[] decoded(
      Path folder,
      WeightNames names,
      LlamaConfig c,
      BiFunction<Weights, Decoding, MemorySegment> forward) {
    return run(
        folder,
        names,
        (weights, workspace) -> {
          try (KvCache cache = new KvCache(c.numLayers(), c.kvHeads(), c.headDim(), 4, 4);
              DecoderBatch batch = new DecoderBatch()) {
            batch.add(cache.open(), IDS, 0, IDS.length);
            return forward.apply(weights, new Decoding(batch, cache, workspace));
          }
        });
  }

  private record Decoding(DecoderBatch batch, KvCache cache, Workspace workspace) {}

  @Test
  void aDecoderOfRotaryPositionsAndSwiGluIsLlama() {
    ConfigJson json = ConfigJson.read(LLAMA.resolve("config.json"));
    LlamaConfig c = LlamaConfig.of(json);
    Transformer.Builder builder =
        Transformer.builder()
            .decoderLayers(c.numLayers())
            .vocabulary(c.vocabSize())
            .width(c.hiddenSize())
            .heads(c.numHeads())
            .kvHeads(c.kvHeads())
            .headDim(c.headDim())
            .intermediate(c.intermediateSize())
            .positions(Positions.ROTARY)
            .maxPositions(c.contextLength())
            .normalization(Normalization.RMS_NORM, c.rmsNormEps())
            .placement(NormPlacement.BEFORE)
            .lastNorm(true)
            .activation(Activation.SILU)
            .gated(true)
            .biases(false)
            .tiedHead(c.tied());
    float[] ours =
        decoded(
            LLAMA,
            c.weightNames(),
            c,
            (weights, d) -> {
              Transformer transformer = builder.build(weights);
              assertTrue(transformer.encoder().isEmpty());
              assertTrue(transformer.head().isPresent());
              return transformer.decode(d.batch, d.cache, d.workspace, Trace.NONE);
            });
    float[] llama =
        decoded(
            LLAMA,
            c.weightNames(),
            c,
            (weights, d) ->
                CausalModel.load(weights, c).forward(d.batch, d.cache, d.workspace, Trace.NONE));
    assertEquals(new LlamaConfig.Rope(10000, 1, 0, 0, 0), c.rope());
    assertArrayEquals(llama, ours);
  }

  @Test
  void anEncoderAloneIsThatOfTheWhole() {
    T5Config c = T5Config.of(ConfigJson.read(T5.resolve("config.json")));
    BiFunction<Transformer.Builder, Boolean, float[]> encoded =
        (builder, alone) ->
            run(
                T5,
                c.weightNames(),
                (weights, workspace) -> {
                  Transformer transformer = builder.build(weights);
                  assertTrue(transformer.decoder().isEmpty() == alone);
                  for (int id : IDS) {
                    workspace.batch().add(id, 0, 0);
                  }
                  workspace.batch().endSequence();
                  return transformer.encode(workspace.batch(), workspace, Trace.NONE);
                });
    assertArrayEquals(
        encoded.apply(c.architecture(), false),
        encoded.apply(c.architecture().decoderLayers(0), true));
  }

  @Test
  void partsThatDoNotFitAreRefusedByName() {
    T5Config c = T5Config.of(ConfigJson.read(T5.resolve("config.json")));
    Object[][] wrong = {
      {"layers of an encoder", c.architecture().encoderLayers(0).decoderLayers(0)},
      {"width is 0", c.architecture().width(0)},
      {"heads of the encoder is 0", c.architecture().heads(0)},
      {"heads of the decoder is 5", c.architecture().headDim(0).heads(2, 5)},
      {"buckets is 7", c.architecture().buckets(7, 128)},
      {"maxDistance is 5", c.architecture().buckets(10, 5)},
      {"maxPositions is 0", c.architecture().positions(Positions.LEARNED)},
      {"an even number, for rotary", c.architecture().positions(Positions.ROTARY).maxPositions(9)},
      {"headScale is 2.0", c.architecture().lastNorm(false).headScale(2)},
      {"kvHeads is 1", c.architecture().kvHeads(1)},
      {"transposedWeights is true", c.architecture().transposedWeights(true)},
      {"intermediate of the encoder is 0", c.architecture().intermediate(0)},
    };
    for (Object[] row : wrong) {
      Transformer.Builder builder = (Transformer.Builder) row[1];
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  run(
                      T5,
                      c.weightNames(),
                      (weights, workspace) -> {
                        builder.build(weights);
                        return MemorySegment.NULL;
                      }));
      assertTrue(e.getMessage().contains((String) row[0]), e.getMessage());
    }
  }
}
