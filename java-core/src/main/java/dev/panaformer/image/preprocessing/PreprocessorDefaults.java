package dev.panaformer.image.preprocessing;

import java.util.List;
import java.util.Optional;

/**
 * The preprocessing of a model family, used for fields that {@code preprocessor_config.json} lacks.
 *
 * @param size the size to which images are resized; also determines the meaning of a single number
 *     in the file
 * @param crop the size of the centre crop after resizing; empty for the whole image
 * @param mean the mean of each channel
 * @param std the standard deviation of each channel
 */
public record PreprocessorDefaults(
    ImageSize size,
    Resampling resampling,
    Optional<ImageSize.Exact> crop,
    List<Double> mean,
    List<Double> std) {
  /** As mean and standard deviation, this maps samples from [0, 1] to [-1, 1]. */
  public static final List<Double> HALF = List.of(0.5, 0.5, 0.5);

  public static final List<Double> IMAGENET_MEAN = List.of(0.485, 0.456, 0.406);
  public static final List<Double> IMAGENET_STD = List.of(0.229, 0.224, 0.225);

  /** The defaults of ViT: squares of 224 pixels, no crop, values in [-1, 1]. */
  public static final PreprocessorDefaults STANDARD =
      new PreprocessorDefaults(
          new ImageSize.Exact(224, 224), Resampling.BILINEAR, Optional.empty(), HALF, HALF);
}
