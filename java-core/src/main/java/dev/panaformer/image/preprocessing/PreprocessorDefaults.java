package dev.panaformer.image.preprocessing;

import java.util.List;
import java.util.Optional;

/**
 * How a family's processor prepares images where {@code preprocessor_config.json} does not say.
 *
 * @param size to which images are resized, and what a file's single number means
 * @param crop cut out of the middle after that; empty for the whole image
 * @param mean of each channel
 * @param std of each channel
 */
public record PreprocessorDefaults(
    ImageSize size,
    Resampling resampling,
    Optional<ImageSize.Exact> crop,
    List<Double> mean,
    List<Double> std) {
  /** Mean and deviation that bring samples from 0 to 1 into the range from -1 to 1. */
  public static final List<Double> HALF = List.of(0.5, 0.5, 0.5);

  public static final List<Double> IMAGENET_MEAN = List.of(0.485, 0.456, 0.406);
  public static final List<Double> IMAGENET_STD = List.of(0.229, 0.224, 0.225);

  /** Those of ViT: squares of 224 pixels, without a crop, in the range from -1 to 1. */
  public static final PreprocessorDefaults STANDARD =
      new PreprocessorDefaults(
          new ImageSize.Exact(224, 224), Resampling.BILINEAR, Optional.empty(), HALF, HALF);
}
