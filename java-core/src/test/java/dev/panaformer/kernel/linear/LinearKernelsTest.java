package dev.panaformer.kernel.linear;

import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.Reference;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Linear layers, feed-forward networks and activation functions, for every implementation. */
class LinearKernelsTest extends KernelContract {
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 7, 300",
    "7, 17, 63",
    "17, 65, 65",
    "17, 197, 7",
    "63, 300, 17",
    "65, 63, 197"
  })
  void linear(int tokens, int out, int in) {
    for (Activation activation : Activation.values()) {
      for (boolean withResidual : new boolean[] {false, true}) {
        float[] x = random(tokens * in);
        float[] w = random(out * in);
        float[] bias = random(out);
        float[] residual = withResidual ? random(tokens * out) : new float[tokens * out];
        // The residual is the output itself, as in the output projection of a layer.
        MemorySegment y = withResidual ? segment(residual) : output(tokens * out);
        kernels
            .linear()
            .linear(
                segment(x),
                new LinearWeights(
                    kernels.packing().pack("w", segment(w), out, in, arena), segment(bias)),
                withResidual ? y : MemorySegment.NULL,
                y,
                tokens,
                activation);
        double[] expected = Reference.linear(x, w, bias, tokens, out, in);
        for (int i = 0; i < expected.length; i++) {
          expected[i] = Reference.activate(expected[i], activation) + residual[i];
        }
        // Each of the in products and sums is rounded once. No activation function has a slope
        // above 1.2.
        assertClose(expected, y, 1.2 * (in + 4) * FLOAT_ULP * (in + 2));
      }
    }
  }

  @Test
  void linearWithoutBias() {
    float[] x = random(7 * 17);
    float[] w = random(63 * 17);
    MemorySegment y = output(7 * 63);
    PackedWeight packed = kernels.packing().pack("w", segment(w), 63, 17, arena);
    kernels
        .linear()
        .linear(
            segment(x),
            new LinearWeights(packed, MemorySegment.NULL),
            MemorySegment.NULL,
            y,
            7,
            Activation.NONE);
    assertClose(Reference.linear(x, w, new float[63], 7, 63, 17), y, 20 * FLOAT_ULP * 17);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "1, 64, 300", "7, 17, 63", "17, 63, 197", "65, 65, 17", "300, 7, 65"})
  void feedForward(int tokens, int hidden, int intermediate) {
    float[] x = random(tokens * hidden);
    float[] up = random(intermediate * hidden);
    float[] down = random(hidden * intermediate);
    float[] upBias = random(intermediate);
    float[] downBias = random(hidden);
    MemorySegment input = segment(x);
    MemorySegment y = output(tokens * hidden);
    kernels
        .linear()
        .feedForward(
            input,
            FeedForwardWeights.plain(
                new LinearWeights(
                    kernels.packing().pack("up", segment(up), intermediate, hidden, arena),
                    segment(upBias)),
                new LinearWeights(
                    kernels.packing().pack("down", segment(down), hidden, intermediate, arena),
                    segment(downBias)),
                Activation.GELU_ERF),
            input,
            y,
            tokens,
            workspace);
    double[] inner = Reference.linear(x, up, upBias, tokens, intermediate, hidden);
    float[] activated = new float[inner.length];
    for (int i = 0; i < inner.length; i++) {
      activated[i] = (float) Reference.activate(inner[i], Activation.GELU_ERF);
    }
    double[] expected = Reference.linear(activated, down, downBias, tokens, hidden, intermediate);
    for (int i = 0; i < expected.length; i++) {
      expected[i] += x[i];
    }
    double innerError = 1.2 * (hidden + 4) * FLOAT_ULP * (hidden + 2);
    double outerError = (intermediate + 4) * FLOAT_ULP * (intermediate * (hidden + 2.0) + 2);
    assertClose(expected, y, intermediate * innerError + outerError);
  }

  @ParameterizedTest
  @EnumSource
  void activate(Activation activation) {
    float[] x = random(301);
    for (int i = 0; i < x.length; i++) {
      x[i] *= 12;
    }
    MemorySegment y = output(x.length);
    kernels.linear().activate(segment(x), y, x.length, activation);
    double[] expected = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      expected[i] = Reference.activate(x[i], activation);
    }
    assertClose(expected, y, 12 * 8 * FLOAT_ULP);
  }

  @Test
  void linearNamesWhatDoesNotFit() {
    PackedWeight w = kernels.packing().pack("w", segment(random(15)), 5, 3, arena);
    MemorySegment none = MemorySegment.NULL;
    MemorySegment ample = segment(random(100));
    MemorySegment y = output(100);
    refused(
        "linear: x has 5 floats, but [2, 3] float32 needs 6",
        () ->
            kernels
                .linear()
                .linear(floats(5), new LinearWeights(w, none), none, y, 2, Activation.NONE));
    refused(
        "linear: bias has 4 floats, but [1, 5] float32 needs 5",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, floats(4)), none, y, 2, Activation.NONE));
    refused(
        "linear: residual has 9 floats, but [2, 5] float32 needs 10",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, none), floats(9), y, 2, Activation.NONE));
    refused(
        "linear: y has 9 floats, but [2, 5] float32 needs 10",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, none), none, floats(9), 2, Activation.NONE));
    refused(
        "linear: x is on the heap, but [2, 3] float32 needs 6",
        () ->
            kernels
                .linear()
                .linear(
                    MemorySegment.ofArray(new float[6]),
                    new LinearWeights(w, none),
                    none,
                    y,
                    2,
                    Activation.NONE));
    refused(
        "linear: rows is -1, not in 0 to 2147483647",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, none), none, y, -1, Activation.NONE));
    refused(
        "linear: y overlaps x",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, none), none, ample, 2, Activation.NONE));
    refused(
        "w: weight has 14 floats, but [5, 3] float32 needs 15",
        () -> kernels.packing().pack("w", floats(14), 5, 3, arena));
    refused(
        "w: in is 0, not in 1 to 2147483647",
        () -> kernels.packing().pack("w", ample, 5, 0, arena));
  }

  @Test
  void feedForwardNamesWhatDoesNotFit() {
    PackedWeight up = kernels.packing().pack("up", segment(random(15)), 5, 3, arena);
    PackedWeight down = kernels.packing().pack("down", segment(random(15)), 3, 5, arena);
    MemorySegment none = MemorySegment.NULL;
    MemorySegment x = segment(random(6));
    MemorySegment y = output(6);
    refused(
        "feedForward: down is [5, 3], but must be [3, 5] after an up of [5, 3]",
        () ->
            kernels
                .linear()
                .feedForward(
                    x,
                    FeedForwardWeights.plain(
                        new LinearWeights(up, none), new LinearWeights(up, none), Activation.RELU),
                    x,
                    y,
                    2,
                    workspace));
    refused(
        "feedForward: y overlaps x",
        () ->
            kernels
                .linear()
                .feedForward(
                    x,
                    FeedForwardWeights.plain(
                        new LinearWeights(up, none),
                        new LinearWeights(down, none),
                        Activation.RELU),
                    x,
                    x,
                    2,
                    workspace));
    refused(
        "feedForward: upBias has 3 floats, but [1, 5] float32 needs 5",
        () ->
            kernels
                .linear()
                .feedForward(
                    x,
                    FeedForwardWeights.plain(
                        new LinearWeights(up, floats(3)),
                        new LinearWeights(down, none),
                        Activation.RELU),
                    x,
                    y,
                    2,
                    workspace));
  }
}
