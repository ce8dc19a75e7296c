package dev.panaformer.image.preprocessing;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.image.RgbImage;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The preprocessing of an image that {@code preprocessor_config.json} describes: resize, crop,
 * rescale, normalise. Fields for training (labels, annotations) and for batches of images of
 * different sizes (padding) are not read. Immutable.
 *
 * @param size the size to which images are resized; empty to keep their size
 * @param crop the size {@code [height, width]} of the centre crop; padded with black if the image
 *     is smaller; empty for the whole image
 * @param rescaleFactor the factor for samples, which range from 0 to 255
 * @param mean the value of each channel that is subtracted from rescaled samples
 * @param std the value of each channel by which the difference is divided
 */
public record ImagePreprocessor(
    Optional<ImageSize> size,
    Resampling resampling,
    Optional<int[]> crop,
    double rescaleFactor,
    List<Double> mean,
    List<Double> std) {
  private static final String FILE = "preprocessor_config.json";
  private static final int SAMPLES = 256;
  private static final double WHITE = 1 / 255.0;

  /**
   * Reads the preprocessor_config.json of a model's folder.
   *
   * @param defaults the defaults of the model family for fields that the file lacks
   * @throws CheckpointException if the file is missing, or a field is invalid or not supported
   */
  public static ImagePreprocessor read(Path folder, PreprocessorDefaults defaults) {
    return of(ConfigJson.read(folder.resolve(FILE)), defaults);
  }

  static ImagePreprocessor of(ConfigJson json, PreprocessorDefaults defaults) {
    boolean normalized = json.optionalBoolean("do_normalize", true);
    boolean rescaled = json.optionalBoolean("do_rescale", true);
    return new ImagePreprocessor(
        json.optionalBoolean("do_resize", true)
            ? Optional.of(ImageSize.of(json, "size", defaults.size()))
            : Optional.empty(),
        resampling(json, defaults.resampling()),
        crop(json, defaults.crop()),
        rescaled ? json.optionalDouble("rescale_factor", WHITE, 1e-9, 1e9) : 1,
        normalized ? perChannel(json, "image_mean", -1e9, defaults.mean()) : List.of(0.0, 0.0, 0.0),
        normalized ? perChannel(json, "image_std", 1e-9, defaults.std()) : List.of(1.0, 1.0, 1.0));
  }

  private static Resampling resampling(ConfigJson json, Resampling absent) {
    Resampling[] values = Resampling.values();
    return values[json.optionalInt("resample", absent.ordinal(), 0, values.length - 1)];
  }

  private static Optional<int[]> crop(ConfigJson json, Optional<ImageSize.Exact> absent) {
    if (!json.optionalBoolean("do_center_crop", absent.isPresent())) {
      return Optional.empty();
    }
    ImageSize size = ImageSize.of(json, "crop_size", absent.orElse(new ImageSize.Exact(224, 224)));
    if (!(size instanceof ImageSize.Exact exact)) {
      throw json.unsupported("crop_size", "height and width");
    }
    return Optional.of(new int[] {exact.height(), exact.width()});
  }

  private static List<Double> perChannel(
      ConfigJson json, String field, double min, List<Double> absent) {
    if (!json.has(field)) {
      return absent;
    }
    List<Double> values = json.numbers(field, min, 1e9);
    if (values.size() == 1) {
      return List.of(values.get(0), values.get(0), values.get(0));
    }
    if (values.size() != RgbImage.CHANNELS) {
      throw json.wrong(field, "a number for each of 3 channels");
    }
    return values;
  }

  /** The size {@code [height, width]} of an image after preprocessing. */
  public int[] outputSize(RgbImage image) {
    return crop.orElseGet(() -> resized(image));
  }

  private int[] resized(RgbImage image) {
    return size.map(s -> s.of(image.height(), image.width()))
        .orElseGet(() -> new int[] {image.height(), image.width()});
  }

  /**
   * Preprocesses an image.
   *
   * @param pixels receives float32 {@code [3, height, width]}, with the size {@link #outputSize}
   */
  public void write(RgbImage image, MemorySegment pixels) {
    int[] resized = resized(image);
    RgbImage source = resampling.resize(image, resized[1], resized[0]);
    int[] out = outputSize(image);
    int top = offset(source.height(), out[0]);
    int left = offset(source.width(), out[1]);
    long plane = (long) out[0] * out[1];
    for (int c = 0; c < RgbImage.CHANNELS; c++) {
      float[] values = values(c);
      for (int y = 0; y < out[0]; y++) {
        int row = y + top;
        boolean inside = row >= 0 && row < source.height();
        for (int x = 0; x < out[1]; x++) {
          int column = x + left;
          int sample = 0;
          if (inside && column >= 0 && column < source.width()) {
            int at = (row * source.width() + column) * RgbImage.CHANNELS + c;
            sample = source.samples()[at] & 0xff;
          }
          pixels.setAtIndex(JAVA_FLOAT, c * plane + (long) y * out[1] + x, values[sample]);
        }
      }
    }
  }

  /** The first row or column of a centre crop; negative if the crop is larger than the image. */
  private static int offset(int size, int cropped) {
    return cropped <= size ? (size - cropped) / 2 : -((cropped - size) / 2);
  }

  /** The preprocessed value of each of the 256 possible samples of a channel. */
  private float[] values(int channel) {
    float[] values = new float[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      values[i] = (float) ((i * rescaleFactor - mean.get(channel)) / std.get(channel));
    }
    return values;
  }
}
