package dev.panaformer.runtime;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.image.RgbImage;
import dev.panaformer.image.preprocessing.ImagePreprocessor;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.vision.Images;
import dev.panaformer.model.vision.VisionConfig;
import dev.panaformer.model.vision.VisionTask;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/**
 * A loaded image model. It preprocesses images and forms batches of images that have the same size.
 */
public final class ImageRuntime<M extends VisionTask> extends ModelRuntime<M> {
  private static final Buffer PIXELS = Buffer.named("preprocessed images");

  private final ImageLimits limits;
  private final ImagePreprocessor preprocessor;

  private ImageRuntime(
      Path path, ImageLimits limits, ImagePreprocessor preprocessor, Resources resources, M model) {
    super(path.toString(), model, resources, limits.maxConcurrency());
    this.limits = limits;
    this.preprocessor = preprocessor;
  }

  /**
   * Loads a model.
   *
   * @param architecture part of the model class name that config.json must contain
   * @param loader creates the model from its weights
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  public static <M extends VisionTask> ImageRuntime<M> load(
      Path path,
      ComputeSettings compute,
      ImageLimits limits,
      String architecture,
      BiFunction<Weights, VisionConfig, M> loader) {
    return load(() -> {
      ModelFolder folder = ModelFolder.open(path);
      ConfigJson json = folder.config();
      VisionConfig config = VisionConfig.of(json);
      if (!config.architecture().contains(architecture)) {
        throw json.unsupported("architectures", "one with " + architecture + " in its name");
      }
      if (config.numChannels() != RgbImage.CHANNELS) {
        throw new UnsupportedModelException(
            String.format(
                "%s: num_channels is %d, expected 3: files are read as red, green and blue",
                json.source(), config.numChannels()));
      }
      ImagePreprocessor preprocessor =
          ImagePreprocessor.read(folder.transformer(), config.preprocessing());
      return Resources.load(
          compute,
          NativeMemory.onHugePages(),
          Optional.empty(),
          resources ->
              new ImageRuntime<>(
                  path,
                  limits,
                  preprocessor,
                  resources,
                  resources.weights(
                      folder, config.weightNames(), weights -> loader.apply(weights, config))));
    });
  }

  public VisionConfig config() {
    return model().config();
  }

  /** Decodes an image file. Refuses one that has more pixels or bytes than the limits allow. */
  public RgbImage read(Path file) {
    return RgbImage.read(file, limits.maxPixels(), limits.maxFileBytes());
  }

  /** Decodes the bytes of an image file. Refuses more pixels than the limits allow. */
  public RgbImage read(byte[] bytes) {
    return RgbImage.read(bytes, limits.maxPixels());
  }

  /** Decodes an image like {@link #read(Path)}. Reads the stream to its end, without closing it. */
  public RgbImage read(InputStream stream) {
    return RgbImage.read(stream, limits.maxPixels(), limits.maxFileBytes());
  }

  /** Preprocesses images that have the same {@link #size} into the workspace. */
  public Images pixels(List<RgbImage> images, Workspace workspace) {
    int[] size = size(images.getFirst());
    long floats = (long) RgbImage.CHANNELS * size[0] * size[1];
    MemorySegment pixels = workspace.floats(PIXELS, images.size() * floats);
    kernels()
        .memory()
        .write(
            pixels,
            images.size() * floats,
            workspace,
            host -> {
              for (int i = 0; i < images.size(); i++) {
                preprocessor.write(images.get(i), host.asSlice(i * floats * Float.BYTES));
              }
            });
    return new Images(pixels, images.size(), RgbImage.CHANNELS, size[0], size[1]);
  }

  /** The size {@code [height, width]} of an image after preprocessing. */
  public int[] size(RgbImage image) {
    return preprocessor.outputSize(image);
  }

  /**
   * The number of images, starting at {@code first}, that form the next batch: consecutive images
   * of the same size, within the limits.
   */
  public int batch(List<RgbImage> images, int first, int tokensEach) {
    int most = Math.max(1, limits.maxBatchTokens() / tokensEach);
    int count = 1;
    while (first + count < images.size()
        && count < most
        && Arrays.equals(size(images.get(first)), size(images.get(first + count)))) {
      count++;
    }
    return count;
  }

  /** A forward pass of an image model. */
  public interface Pass<M> {
    MemorySegment run(M task, boolean interpolatePositions);
  }

  /** Evaluates the whole model on a batch of images. */
  public MemorySegment forward(Images images, Workspace workspace, Trace trace) {
    return forward((task, interpolate) -> task.forward(images, interpolate, workspace, trace));
  }

  /** Runs a forward pass. If the model rejects its input, the exception message names the model. */
  public MemorySegment forward(Pass<M> pass) {
    try {
      return pass.run(model(), limits.interpolatePositions());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(name() + ": " + e.getMessage(), e);
    }
  }
}
