package dev.panaformer.image.preprocessing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.panaformer.image.RgbImage;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against the published definitions of Pillow's filters, summed in double precision. */
class ResamplingTest {
  private static final double GREY_LEVEL = 1;

  private static double sinc(double x) {
    return x == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  }

  private static DoubleUnaryOperator filter(Resampling resampling) {
    return switch (resampling) {
      case BILINEAR -> x -> Math.abs(x) < 1 ? 1 - Math.abs(x) : 0;
      case BICUBIC ->
          x -> {
            double d = Math.abs(x);
            if (d < 1) {
              return 1.5 * d * d * d - 2.5 * d * d + 1;
            }
            return d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2 : 0;
          };
      case LANCZOS -> x -> Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
      case BOX -> x -> x > -0.5 && x <= 0.5 ? 1 : 0;
      case HAMMING -> x -> Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0;
      case NEAREST -> throw new IllegalArgumentException();
    };
  }

  private static double support(Resampling resampling) {
    return switch (resampling) {
      case BILINEAR, HAMMING -> 1;
      case BICUBIC -> 2;
      case LANCZOS -> 3;
      default -> 0.5;
    };
  }

  /** One line at another length; the filter grows with the reduction, and is cut at the ends. */
  private static double[] resampled(double[] line, int length, Resampling resampling) {
    double scale = (double) line.length / length;
    double stretch = Math.max(scale, 1);
    double[] result = new double[length];
    for (int i = 0; i < length; i++) {
      double middle = (i + 0.5) * scale;
      double reach = support(resampling) * stretch;
      int first = Math.max(0, (int) (middle - reach + 0.5));
      int end = Math.min(line.length, (int) (middle + reach + 0.5));
      double sum = 0;
      double weights = 0;
      for (int j = first; j < end; j++) {
        double weight = filter(resampling).applyAsDouble((j + 0.5 - middle) / stretch);
        sum += weight * line[j];
        weights += weight;
      }
      result[i] = sum / weights;
    }
    return result;
  }

  private static double level(double value) {
    return Math.clamp(value, 0, 255);
  }

  private static RgbImage random(int width, int height) {
    byte[] samples = new byte[width * height * 3];
    new Random(width * 31L + height).nextBytes(samples);
    return new RgbImage(width, height, samples);
  }

  @ParameterizedTest
  @CsvSource({
    "BILINEAR, 64, 48, 32, 24",
    "BILINEAR, 300, 197, 224, 224",
    "BILINEAR, 7, 17, 63, 65",
    "BICUBIC, 300, 197, 64, 63",
    "BICUBIC, 17, 7, 65, 64",
    "BICUBIC, 97, 61, 96, 60",
    "LANCZOS, 197, 300, 65, 63",
    "LANCZOS, 9, 9, 31, 17",
    "BOX, 64, 64, 16, 24",
    "HAMMING, 100, 90, 33, 31"
  })
  void isWithinAGreyLevelOfTheDefinition(
      Resampling resampling, int width, int height, int newWidth, int newHeight) {
    RgbImage image = random(width, height);
    RgbImage resized = resampling.resize(image, newWidth, newHeight);
    assertEquals(newWidth, resized.width());
    assertEquals(newHeight, resized.height());
    for (int c = 0; c < 3; c++) {
      double[][] columns = new double[newWidth][height];
      for (int y = 0; y < height; y++) {
        double[] line = new double[width];
        for (int x = 0; x < width; x++) {
          line[x] = image.samples()[(y * width + x) * 3 + c] & 0xff;
        }
        double[] across = resampled(line, newWidth, resampling);
        for (int x = 0; x < newWidth; x++) {
          columns[x][y] = level(across[x]);
        }
      }
      for (int x = 0; x < newWidth; x++) {
        double[] down = resampled(columns[x], newHeight, resampling);
        for (int y = 0; y < newHeight; y++) {
          int sample = resized.samples()[(y * newWidth + x) * 3 + c] & 0xff;
          assertEquals(Math.rint(level(down[y])), sample, GREY_LEVEL, x + ", " + y);
        }
      }
    }
  }

  @Test
  void anImageOfTheSameSizeStaysAsItIs() {
    RgbImage image = random(33, 21);
    for (Resampling resampling : Resampling.values()) {
      assertArrayEquals(image.samples(), resampling.resize(image, 33, 21).samples());
    }
  }

  @Test
  void theNearestPixelIsTheOneUnderTheMiddle() {
    byte[] samples = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3};
    RgbImage resized = Resampling.NEAREST.resize(new RgbImage(4, 1, samples), 2, 1);
    assertArrayEquals(new byte[] {1, 1, 1, 3, 3, 3}, resized.samples());
  }
}
