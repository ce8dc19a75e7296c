package dev.panaformer.kernel.image;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.Reference;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Kernels of image models, for every implementation. */
class ImageKernelsTest extends KernelContract {
  @ParameterizedTest
  @CsvSource({
    "3, 17, 63, 4, 4, 0, false, 7",
    "3, 32, 48, 16, 16, 0, false, 65",
    "3, 33, 29, 7, 4, 3, false, 17",
    "17, 9, 7, 3, 2, 1, true, 63",
    "8, 12, 8, 4, 4, 0, true, 300"
  })
  void patchEmbedding(
      int channels,
      int height,
      int width,
      int patch,
      int stride,
      int padding,
      boolean last,
      int n) {
    PatchGrid grid = PatchGrid.overlapping(channels, height, width, patch, stride, padding, last);
    int images = 2;
    int k = Math.toIntExact(grid.values());
    int patches = Math.toIntExact(grid.patches());
    float[] x = random(images * channels * height * width);
    float[] w = random(n * k);
    float[] bias = random(n);
    float[] positions = random(patches * n);
    int imageStride = patches * n + 3;
    MemorySegment y = poisoned(images * imageStride);
    kernels
        .image()
        .patchEmbedding(
            segment(x),
            images,
            new PatchLayer(
                grid,
                new LinearWeights(
                    kernels.packing().pack("w", segment(w), n, k, arena), segment(bias)),
                segment(positions)),
            y,
            imageStride,
            workspace);
    for (int i = 0; i < images; i++) {
      for (int at = 0; at < patches * n; at++) {
        double expected = bias[at % n] + positions[at];
        for (int p = 0; p < k; p++) {
          int c = last ? p % channels : p / (patch * patch);
          int place = last ? p / channels : p % (patch * patch);
          int row = at / n / (int) grid.columns() * stride - padding + place / patch;
          int column = at / n % (int) grid.columns() * stride - padding + place % patch;
          if (row >= 0 && row < height && column >= 0 && column < width) {
            int from =
                last
                    ? ((i * height + row) * width + column) * channels + c
                    : ((i * channels + c) * height + row) * width + column;
            expected += (double) x[from] * w[at % n * k + p];
          }
        }
        assertEquals(expected, at(y, i * imageStride + at), (k + 4) * FLOAT_ULP * (k + 2));
      }
      assertTrue(Float.isNaN(at(y, i * imageStride + patches * n)), "written behind an image");
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 1", "7, 5, 17, 3", "3, 9, 65, 5", "2, 2, 300, 3"})
  void depthwiseConv(int height, int width, int channels, int kernel) {
    int images = 2;
    float[] x = random(images * height * width * channels);
    float[] w = random(kernel * kernel * channels);
    float[] bias = random(channels);
    MemorySegment y = poisoned(x.length);
    kernels
        .image()
        .depthwiseConv(
            segment(x),
            new ImageShape(images, height, width, channels),
            new DepthwiseWeights(segment(w), segment(bias), kernel, Activation.GELU_ERF),
            y,
            workspace);
    for (int at = 0; at < x.length; at++) {
      int c = at % channels;
      int pixel = at / channels;
      double sum = bias[c];
      for (int i = 0; i < kernel; i++) {
        for (int j = 0; j < kernel; j++) {
          int row = pixel / width % height + i - kernel / 2;
          int column = pixel % width + j - kernel / 2;
          if (row >= 0 && row < height && column >= 0 && column < width) {
            int from = (pixel / width / height * height + row) * width + column;
            sum += (double) w[(i * kernel + j) * channels + c] * x[from * channels + c];
          }
        }
      }
      double bound = (kernel * kernel + 4) * FLOAT_ULP * (kernel * kernel + 1);
      assertEquals(Reference.activate(sum, Activation.GELU_ERF), at(y, at), 1.2 * bound);
    }
  }

  @ParameterizedTest
  @EnumSource
  void interpolationKeepsWhatIsConstantOrOfTheSameSize(Interpolation interpolation) {
    float[] constant = new float[4 * 3 * 17];
    Arrays.fill(constant, 2.5f);
    MemorySegment y = poisoned(7 * 9 * 17);
    kernels
        .image()
        .interpolate(
            segment(constant),
            new Resize(new ImageShape(1, 4, 3, 17), 7, 9, 17, interpolation),
            y,
            workspace);
    for (int i = 0; i < 7 * 9 * 17; i++) {
      assertEquals(2.5, at(y, i), 20 * FLOAT_ULP);
    }
    float[] x = random(2 * 5 * 6 * 7);
    kernels
        .image()
        .interpolate(
            segment(x),
            new Resize(new ImageShape(2, 5, 6, 7), 5, 6, 7, interpolation),
            y,
            workspace);
    assertArrayEquals(x, Arrays.copyOf(y.toArray(JAVA_FLOAT), x.length));
  }

  @Test
  void interpolationBetweenTwoPixels() {
    MemorySegment x = segment(0, 8);
    MemorySegment y = poisoned(2 * 4);
    kernels
        .image()
        .interpolate(
            x,
            new Resize(new ImageShape(1, 1, 2, 1), 1, 4, 2, Interpolation.BILINEAR),
            y,
            workspace);
    // The centres of the output pixels are at -1/4, 1/4, 3/4 and 5/4. Outside of the image, the
    // border pixel counts.
    assertEquals(List.of(0f, 2f, 6f, 8f), List.of(at(y, 0), at(y, 2), at(y, 4), at(y, 6)));
    assertTrue(Float.isNaN(at(y, 1)), "written between pixels");
    kernels
        .image()
        .interpolate(
            x,
            new Resize(new ImageShape(1, 1, 2, 1), 1, 4, 1, Interpolation.BICUBIC),
            y,
            workspace);
    // Keys' cubic with a = -3/4 at 1/4. near and far are its weights for the two pixels on the
    // right.
    double near = (1.25 * 0.75 - 2.25) * 0.75 * 0.75 + 1;
    double far = ((1.75 - 5) * 1.75 + 8) * 1.75 * -0.75 + 3;
    assertEquals(8 * (near + far), at(y, 1), 20 * FLOAT_ULP);
    assertEquals(8 - at(y, 1), at(y, 2), 20 * FLOAT_ULP);
  }

  @Test
  void anImageDoesNotDependOnItsBatch() {
    PatchGrid grid = PatchGrid.sideBySide(3, 32, 24, 8, 8);
    float[] x = random(3 * 3 * 32 * 24);
    PackedWeight w = kernels.packing().pack("w", segment(random(40 * 192)), 40, 192, arena);
    MemorySegment bias = segment(random(40));
    MemorySegment all = poisoned(3 * 12 * 40);
    MemorySegment alone = poisoned(12 * 40);
    kernels
        .image()
        .patchEmbedding(
            segment(x),
            3,
            new PatchLayer(grid, new LinearWeights(w, bias), MemorySegment.NULL),
            all,
            12 * 40,
            workspace);
    float[] second = Arrays.copyOfRange(x, 3 * 32 * 24, 2 * 3 * 32 * 24);
    kernels
        .image()
        .patchEmbedding(
            segment(second),
            1,
            new PatchLayer(grid, new LinearWeights(w, bias), MemorySegment.NULL),
            alone,
            12 * 40,
            workspace);
    assertArrayEquals(
        Arrays.copyOfRange(all.toArray(JAVA_FLOAT), 12 * 40, 2 * 12 * 40),
        Arrays.copyOf(alone.toArray(JAVA_FLOAT), 12 * 40));
  }

  @Test
  void theyNameWhatDoesNotFit() {
    PatchGrid grid = PatchGrid.sideBySide(3, 16, 16, 8, 8);
    PackedWeight w = kernels.packing().pack("w", segment(random(10 * 192)), 10, 192, arena);
    MemorySegment none = MemorySegment.NULL;
    MemorySegment x = segment(new float[3 * 16 * 16]);
    MemorySegment y = poisoned(40);
    refused(
        "patchEmbedding: x has 768 floats, but [1, 1536] float32 needs 1536",
        () ->
            kernels
                .image()
                .patchEmbedding(
                    x,
                    2,
                    new PatchLayer(grid, new LinearWeights(w, none), none),
                    y,
                    40,
                    workspace));
    refused(
        "patchEmbedding: yImageStride is 39, but an image needs 40",
        () ->
            kernels
                .image()
                .patchEmbedding(
                    x,
                    1,
                    new PatchLayer(grid, new LinearWeights(w, none), none),
                    y,
                    39,
                    workspace));
    refused(
        "patchEmbedding: weight w takes 192 values, but 1 channels of 8 x 8 are 64",
        () ->
            kernels
                .image()
                .patchEmbedding(
                    x,
                    1,
                    new PatchLayer(
                        PatchGrid.sideBySide(1, 16, 16, 8, 8), new LinearWeights(w, none), none),
                    y,
                    40,
                    workspace));
    refused(
        "patchEmbedding: grid of 0 x 2",
        () ->
            kernels
                .image()
                .patchEmbedding(
                    x,
                    1,
                    new PatchLayer(
                        PatchGrid.sideBySide(3, 7, 16, 8, 8), new LinearWeights(w, none), none),
                    y,
                    40,
                    workspace));
    refused(
        "depthwiseConv: side is 2, not an odd number to 31",
        () ->
            kernels
                .image()
                .depthwiseConv(
                    x,
                    new ImageShape(1, 2, 2, 2),
                    new DepthwiseWeights(x, none, 2, Activation.NONE),
                    y,
                    workspace));
    refused(
        "depthwiseConv: y overlaps x",
        () ->
            kernels
                .image()
                .depthwiseConv(
                    x,
                    new ImageShape(1, 2, 2, 2),
                    new DepthwiseWeights(x, none, 3, Activation.NONE),
                    x,
                    workspace));
    refused(
        "interpolate: pixelStride is 1, not in 2 to 2147483647",
        () ->
            kernels
                .image()
                .interpolate(
                    x,
                    new Resize(new ImageShape(1, 2, 2, 2), 3, 3, 1, Interpolation.BILINEAR),
                    y,
                    workspace));
    refused(
        "interpolate: image of 0 x 2",
        () ->
            kernels
                .image()
                .interpolate(
                    x,
                    new Resize(new ImageShape(1, 0, 2, 2), 3, 3, 2, Interpolation.BILINEAR),
                    y,
                    workspace));
  }

  private MemorySegment poisoned(int count) {
    float[] poison = new float[count];
    Arrays.fill(poison, Float.NaN);
    return segment(poison);
  }

  private static float at(MemorySegment y, long index) {
    return y.getAtIndex(JAVA_FLOAT, index);
  }
}
