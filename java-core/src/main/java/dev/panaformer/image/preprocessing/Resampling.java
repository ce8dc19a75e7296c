package dev.panaformer.image.preprocessing;

import dev.panaformer.image.RgbImage;
import java.util.Arrays;

/**
 * Resizing with a filter whose width grows with the reduction, which prevents aliasing.
 * Definitions, fixed-point sums and therefore results are those of Pillow, because config files use
 * Pillow's numbers for the filters. As in Pillow, columns are resampled first, and the intermediate
 * result is rounded to 8 bits.
 */
public enum Resampling {
  // The constants are in the order of Pillow's numbers.
  NEAREST(0),
  /** {@code sinc(x) sinc(x/3)}. */
  LANCZOS(3),
  /** Triangle filter. */
  BILINEAR(1),
  /** Keys 1981 with a = -1/2. */
  BICUBIC(2),
  BOX(0.5),
  /** {@code sinc(x) (0.54 + 0.46 cos(πx))}. */
  HAMMING(1);

  /**
   * Fractional bits of a weight: 32 bits minus 8 bits of the sample and 2 bits for sums that
   * overshoot.
   */
  private static final int PRECISION = 32 - 8 - 2;

  private static final double A = -0.5;

  private final double support;

  Resampling(double support) {
    this.support = support;
  }

  /**
   * The unnormalised filter value at a distance from its centre. Weights are later scaled to sum to
   * 1.
   */
  double filter(double x) {
    double distance = Math.abs(x);
    return switch (this) {
      case NEAREST -> throw new IllegalStateException("NEAREST has no filter");
      case BOX -> x > -0.5 && x <= 0.5 ? 1 : 0;
      case BILINEAR -> Math.max(1 - distance, 0);
      case HAMMING -> distance >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x));
      case BICUBIC -> {
        if (distance < 1) {
          yield ((A + 2) * distance - (A + 3)) * distance * distance + 1;
        }
        yield distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * A : 0;
      }
      case LANCZOS -> distance < 3 ? sinc(x) * sinc(x / 3) : 0;
    };
  }

  private static double sinc(double x) {
    return x == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  }

  /**
   * For each output position, the first input position and the weights of the inputs from there on.
   */
  private record Taps(int[] first, int[][] weights) {}

  /** Resizes an image. */
  public RgbImage resize(RgbImage image, int width, int height) {
    if (this == NEAREST) {
      return nearest(image, width, height);
    }
    RgbImage wide = width == image.width() ? image : acrossColumns(image, width);
    return height == wide.height() ? wide : acrossRows(wide, height);
  }

  private Taps taps(int size, int newSize) {
    double scale = (double) size / newSize;
    double filterScale = Math.max(scale, 1);
    double reach = support * filterScale;
    int[] first = new int[newSize];
    int[][] weights = new int[newSize][];
    for (int i = 0; i < newSize; i++) {
      double middle = (i + 0.5) * scale;
      int begin = Math.max((int) (middle - reach + 0.5), 0);
      int end = Math.min((int) (middle + reach + 0.5), size);
      double[] exact = new double[end - begin];
      double sum = 0;
      for (int j = 0; j < exact.length; j++) {
        exact[j] = filter((j + begin - middle + 0.5) / filterScale);
        sum += exact[j];
      }
      first[i] = begin;
      weights[i] = new int[exact.length];
      for (int j = 0; j < exact.length; j++) {
        double weight = (sum == 0 ? exact[j] : exact[j] / sum) * (1 << PRECISION);
        weights[i][j] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
      }
    }
    return new Taps(first, weights);
  }

  private RgbImage acrossColumns(RgbImage image, int width) {
    Taps taps = taps(image.width(), width);
    byte[] from = image.samples();
    byte[] to = new byte[Math.multiplyExact(width * RgbImage.CHANNELS, image.height())];
    for (int y = 0, at = 0; y < image.height(); y++) {
      for (int x = 0; x < width; x++, at += RgbImage.CHANNELS) {
        int[] weights = taps.weights()[x];
        int source = (y * image.width() + taps.first()[x]) * RgbImage.CHANNELS;
        int red = 1 << PRECISION - 1;
        int green = red;
        int blue = red;
        for (int j = 0; j < weights.length; j++, source += RgbImage.CHANNELS) {
          red += weights[j] * (from[source] & 0xff);
          green += weights[j] * (from[source + 1] & 0xff);
          blue += weights[j] * (from[source + 2] & 0xff);
        }
        to[at] = rounded(red);
        to[at + 1] = rounded(green);
        to[at + 2] = rounded(blue);
      }
    }
    return new RgbImage(width, image.height(), to);
  }

  private RgbImage acrossRows(RgbImage image, int height) {
    Taps taps = taps(image.height(), height);
    byte[] from = image.samples();
    int line = image.width() * RgbImage.CHANNELS;
    byte[] to = new byte[Math.multiplyExact(line, height)];
    int[] sums = new int[line];
    for (int y = 0; y < height; y++) {
      Arrays.fill(sums, 1 << PRECISION - 1);
      int[] weights = taps.weights()[y];
      for (int j = 0; j < weights.length; j++) {
        int source = (taps.first()[y] + j) * line;
        for (int i = 0; i < line; i++) {
          sums[i] += weights[j] * (from[source + i] & 0xff);
        }
      }
      for (int i = 0; i < line; i++) {
        to[y * line + i] = rounded(sums[i]);
      }
    }
    return new RgbImage(image.width(), height, to);
  }

  private static byte rounded(int sum) {
    return (byte) Math.clamp(sum >> PRECISION, 0, 255);
  }

  private static RgbImage nearest(RgbImage image, int width, int height) {
    byte[] to = new byte[Math.multiplyExact(width * RgbImage.CHANNELS, height)];
    for (int y = 0; y < height; y++) {
      int row = (int) ((y + 0.5) * image.height() / height);
      for (int x = 0; x < width; x++) {
        int column = (int) ((x + 0.5) * image.width() / width);
        System.arraycopy(
            image.samples(),
            (row * image.width() + column) * RgbImage.CHANNELS,
            to,
            (y * width + x) * RgbImage.CHANNELS,
            RgbImage.CHANNELS);
      }
    }
    return new RgbImage(width, height, to);
  }
}
