package dev.panaformer.cli.arguments;

import dev.panaformer.ImageOptions;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
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

  /** The files, in their order. */
  public InputSource<Path> images() {
    return new FileList(images);
  }

  /**
   * The library's defaults with these arguments.
   *
   * @throws ParameterException if no image were small enough, which is wrong usage
   */
  public ImageOptions options(CommandSpec spec) {
    if (maxPixels < 1) {
      throw new ParameterException(
          spec.commandLine(), "--max-pixels is " + maxPixels + ", expected at least 1");
    }
    return ImageOptions.DEFAULT
        .withCompute(compute.options().compute())
        .withMaxPixels(maxPixels)
        .withInterpolatePositions(interpolate);
  }

  /**
   * Checks an option that takes the file of a picture to write.
   *
   * @throws ParameterException if it is no PNG, or there are several images to draw on it, which is
   *     wrong usage
   */
  public void requireOnePicture(CommandSpec spec, String option, Path file) {
    if (file == null) {
      return;
    }
    if (!file.toString().toLowerCase().endsWith(".png")) {
      throw new ParameterException(
          spec.commandLine(), option + " is " + file + ", expected a name that ends in .png");
    }
    if (images.size() > 1) {
      throw new ParameterException(
          spec.commandLine(), option + " is for one image, given " + images.size());
    }
  }
}
