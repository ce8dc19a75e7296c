package dev.panaformer.cli.arguments;

import dev.panaformer.ImageOptions;
import dev.panaformer.cli.terminal.UsageException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The model and the images of a command that reads images. */
public final class ImageArguments {
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and preprocessor_config.json.")
  private Path model;

  @Parameters(
      arity = "1..*",
      paramLabel = "IMAGE",
      description = "Files: JPEG, PNG, WebP, BMP, TIFF or GIF.")
  private List<Path> images;

  @Option(
      names = "--max-pixels",
      paramLabel = "N",
      description = "The largest image to decode. Default: ${DEFAULT-VALUE}.")
  private long maxPixels = ImageOptions.DEFAULT.maxPixels();

  @Option(
      names = "--interpolate",
      description = "Let images have another size than that of the model's positions.")
  private boolean interpolate;

  public Path model() {
    return model;
  }

  /** The files, in their order. The command opens them itself. */
  public InputSource<Path> images() {
    return new GivenInputs<>(images);
  }

  /**
   * The library's defaults with these arguments.
   *
   * @throws UsageException if no image were small enough
   */
  public ImageOptions options() {
    UsageException.requirePositive("--max-pixels", maxPixels);
    return ImageOptions.DEFAULT
        .withCompute(compute.options().compute())
        .withMaxPixels(maxPixels)
        .withInterpolatePositions(interpolate);
  }

  /**
   * Checks an option that takes the file of a picture to write.
   *
   * @throws UsageException if it is no PNG, or there are several images to draw on it
   */
  public void requireOnePicture(String option, Path file) {
    if (file == null) {
      return;
    }
    if (!file.toString().toLowerCase().endsWith(".png")) {
      throw new UsageException(option + " is " + file + ", expected a name that ends in .png");
    }
    if (images.size() > 1) {
      throw new UsageException(option + " is for one image, given " + images.size());
    }
  }
}
