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
 * What {@code preprocessor_config.json} asks for: resize, crop, rescale, normalise. The parts that
 * prepare training (labels, annotations) and batches of unequal images (padding) are left out.
 * Immutable.
 *
 * @param size to which images are resized; empty for as they are
 * @param crop cut out of the middle, or padded with black; {@code [height, width]}
 * @param rescaleFactor that samples from 0 to 255 are multiplied with
 * @param mean of each channel, subtracted after that
 * @param std of each channel, by which the rest is divided
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
  private static final List<Double> HALF = List.of(0.5, 0.5, 0.5);
  private static final List<Double> IMAGENET_MEAN = List.of(0.485, 0.456, 0.406);
  private static final List<Double> IMAGENET_STD = List.of(0.229, 0.224, 0.225);

  /** What a family's processor does where its file does not say. */
  private record Defaults(
      ImageSize size,
      Resampling resampling,
      boolean squareSize,
      Optional<int[]> crop,
      List<Double> mean,
      List<Double> std,
      int longest,
      int multiple) {

    static Defaults of(String modelType) {
      return switch (modelType) {
        case "deit" ->
            new Defaults(
                new ImageSize.Exact(256, 256),
                Resampling.BICUBIC,
                true,
                Optional.of(new int[] {224, 224}),
                HALF,
                HALF,
                0,
                1);
        case "yolos" ->
            new Defaults(
                new ImageSize.Shortest(800, 1333, 16),
                Resampling.BILINEAR,
                false,
                Optional.empty(),
                IMAGENET_MEAN,
                IMAGENET_STD,
                1333,
                16);
        case "segformer" ->
            new Defaults(
                new ImageSize.Exact(512, 512),
                Resampling.BILINEAR,
                true,
                Optional.empty(),
                IMAGENET_MEAN,
                IMAGENET_STD,
                0,
                1);
        default ->
            new Defaults(
                new ImageSize.Exact(224, 224),
                Resampling.BILINEAR,
                true,
                Optional.empty(),
                HALF,
                HALF,
                0,
                1);
      };
    }
  }

  /**
   * Reads a model's file.
   *
   * @param modelType of config.json, whose defaults hold for what the file leaves out
   * @throws CheckpointException if it is missing, or a field is wrong or asks for what is not
   *     supported
   */
  public static ImagePreprocessor read(Path folder, String modelType) {
    return of(ConfigJson.read(folder.resolve(FILE)), modelType);
  }

  static ImagePreprocessor of(ConfigJson json, String modelType) {
    Defaults defaults = Defaults.of(modelType);
    boolean normalized = json.optionalBoolean("do_normalize", true);
    boolean rescaled = json.optionalBoolean("do_rescale", true);
    return new ImagePreprocessor(
        json.optionalBoolean("do_resize", true)
            ? Optional.of(size(json, defaults))
            : Optional.empty(),
        resampling(json, defaults.resampling()),
        crop(json, defaults),
        rescaled ? json.optionalDouble("rescale_factor", WHITE, 1e-9, 1e9) : 1,
        normalized ? perChannel(json, "image_mean", -1e9, defaults.mean()) : List.of(0.0, 0.0, 0.0),
        normalized ? perChannel(json, "image_std", 1e-9, defaults.std()) : List.of(1.0, 1.0, 1.0));
  }

  private static ImageSize size(ConfigJson json, Defaults defaults) {
    return json.has("size")
        ? ImageSize.of(json, "size", defaults.squareSize(), defaults.longest(), defaults.multiple())
        : defaults.size();
  }

  private static Resampling resampling(ConfigJson json, Resampling absent) {
    Resampling[] values = Resampling.values();
    return values[json.optionalInt("resample", absent.ordinal(), 0, values.length - 1)];
  }

  private static Optional<int[]> crop(ConfigJson json, Defaults defaults) {
    if (!json.optionalBoolean("do_center_crop", defaults.crop().isPresent())) {
      return Optional.empty();
    }
    if (!json.has("crop_size")) {
      return defaults.crop().or(() -> Optional.of(new int[] {224, 224}));
    }
    ImageSize size = ImageSize.of(json, "crop_size", true, 0, 1);
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

  /** {@code [height, width]} of what {@link #write} makes of an image. */
  public int[] outputSize(RgbImage image) {
    return crop.orElseGet(() -> resized(image));
  }

  private int[] resized(RgbImage image) {
    return size.map(s -> s.of(image.height(), image.width()))
        .orElseGet(() -> new int[] {image.height(), image.width()});
  }

  /**
   * Writes an image as models read it.
   *
   * @param pixels {@code [3, height, width]} float32 of {@link #outputSize}
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

  /** Where a crop begins; negative where it is larger than the image. */
  private static int offset(int size, int cropped) {
    return cropped <= size ? (size - cropped) / 2 : -((cropped - size) / 2);
  }

  /** What each sample of a channel becomes. */
  private float[] values(int channel) {
    float[] values = new float[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      values[i] = (float) ((i * rescaleFactor - mean.get(channel)) / std.get(channel));
    }
    return values;
  }
}
