package dev.panaformer.nn.weights;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.nn.Linear;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightsTest {
  @TempDir Path folder;

  private Checkpoint write(Map<String, Tensor> tensors) throws IOException {
    Path file = folder.resolve("model.safetensors");
    SafetensorsWriter.write(file, tensors, Map.of());
    return SafetensorsCheckpoint.open(file);
  }

  @Test
  void layersOfOneInputBecomeOne() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("self.query.weight", Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3));
    tensors.put("self.query.bias", Tensor.ofFloats(new float[] {1, 2}, 2));
    // 7, 8, 9, 10, 11, 12 as bfloat16, 3 and 4 as float16.
    tensors.put(
        "self.key.weight",
        halves(DType.BF16, new long[] {2, 3}, 0x40E0, 0x4100, 0x4110, 0x4120, 0x4130, 0x4140));
    tensors.put("self.key.bias", halves(DType.F16, new long[] {2}, 0x4200, 0x4400));
    try (Checkpoint checkpoint = write(tensors);
        NativeMemory memory = new NativeMemory();
        Weights weights = new Weights(checkpoint, new JavaKernels(), memory, WeightNames.SAME)) {
      Linear both = weights.at("self").concatenated(2, 3, "query", "key");
      assertEquals(4, both.out());
      assertEquals(3, both.in());
      assertArrayEquals(
          new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
          both.weight().segment().toArray(JAVA_FLOAT));
      assertArrayEquals(new float[] {1, 2, 3, 4}, both.bias().toArray(JAVA_FLOAT));
      assertTrue(weights.has("self.query.bias"));
      assertFalse(weights.has("query.bias"));
    }
  }

  private static Tensor halves(DType dtype, long[] shape, int... bits) {
    byte[] bytes = new byte[2 * bits.length];
    for (int i = 0; i < bits.length; i++) {
      bytes[2 * i] = (byte) bits[i];
      bytes[2 * i + 1] = (byte) (bits[i] >> 8);
    }
    return Tensor.of(dtype, shape, MemorySegment.ofArray(bytes));
  }

  @Test
  void namesAreRewrittenInTheOrderOfTheRules() {
    WeightNames names =
        WeightNames.SAME.renamed("a.b", "c").renamed("b", "d").orPrefixed("p.").orRenamed("x", "y");
    assertEquals(List.of("c.d.x", "c.d.y", "p.c.d.x", "p.c.d.y"), names.of("a.b.b.x"));
    assertEquals(List.of("e", "p.e"), names.of("e"));
  }

  @Test
  void weightsThatAreNotFiniteAreFound() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("sound", Tensor.ofFloats(new float[] {1, -1e38f}, 2));
    tensors.put(
        "ill", Tensor.ofFloats(new float[] {0, Float.NaN, Float.POSITIVE_INFINITY, 1}, 2, 2));
    tensors.put("half", halves(DType.F16, new long[] {2}, 0x3C00, 0xFC00));
    tensors.put("ids", Tensor.ofLongs(new long[] {1, 2}, 2));
    try (Checkpoint checkpoint = write(tensors)) {
      assertEquals(
          Optional.of(new NonFiniteWeights("ill", 2, 4)), NonFiniteWeights.in(checkpoint, "ill"));
      assertEquals(
          Optional.of(new NonFiniteWeights("half", 1, 2)), NonFiniteWeights.in(checkpoint, "half"));
      assertEquals(Optional.empty(), NonFiniteWeights.in(checkpoint, "sound"));
      assertEquals(Optional.empty(), NonFiniteWeights.in(checkpoint, "ids"));
    }
  }
}
