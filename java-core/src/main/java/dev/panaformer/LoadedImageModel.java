package dev.panaformer;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.image.ImagePreprocessor;
import dev.panaformer.image.RgbImage;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.WorkspacePool;
import dev.panaformer.model.Images;
import dev.panaformer.model.VisionConfig;
import dev.panaformer.model.VisionTask;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;

/**
 * A model that reads images with all that it owns: preprocessing, weights, kernels, workspaces.
 * Whatever is done with it is done under a lease, which is what {@link #close} waits for.
 */
final class LoadedImageModel<M extends VisionTask> implements AutoCloseable {
  private static final Buffer PIXELS = Buffer.named("preprocessed images");
  private final String name;
  private final ImageOptions options;
  private final ImagePreprocessor preprocessor;
  private final ModelResources resources;
  private final M task;
  private final WorkspacePool workspaces;
  private final AtomicBoolean closed = new AtomicBoolean();

  private LoadedImageModel(
      Path path,
      ImageOptions options,
      ImagePreprocessor preprocessor,
      ModelResources resources,
      M task) {
    this.name = path.toString();
    this.options = options;
    this.preprocessor = preprocessor;
    this.resources = resources;
    this.task = task;
    this.workspaces =
        new WorkspacePool(name, options.compute().maxConcurrency(), resources.kernels().memory());
  }

  /**
   * @param architecture how the class of config.json has to end, for what this is to do
   * @param loader makes the model of its weights
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  static <M extends VisionTask> LoadedImageModel<M> load(
      Path path,
      ImageOptions options,
      String architecture,
      BiFunction<Weights, VisionConfig, M> loader) {
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
        ImagePreprocessor.read(folder.transformer(), json.requireString("model_type"));
    return ModelResources.load(
        options.compute().backend(),
        options.compute().threads(),
        options.compute().device(),
        NativeMemory.onHugePages(),
        Optional.empty(),
        resources ->
            new LoadedImageModel<>(
                path,
                options,
                preprocessor,
                resources,
                resources.weights(
                    folder,
                    config.weightNames(),
                    options.compute().precision(),
                    weights -> loader.apply(weights, config))));
  }

  M task() {
    return task;
  }

  VisionConfig config() {
    return task.config();
  }

  Kernels kernels() {
    return resources.kernels();
  }

  /** Decodes a file, within the limit that the options set. */
  RgbImage read(Path file) {
    return RgbImage.read(file, options.maxPixels());
  }

  /**
   * What every call begins with and holds to its end.
   *
   * @throws IllegalStateException if the model is closed
   */
  Workspace lease() {
    return workspaces.lease();
  }

  /** Preprocesses images of one {@link #size} into the workspace. */
  Images pixels(List<RgbImage> images, Workspace workspace) {
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

  /** {@code [height, width]} that preprocessing gives an image. */
  int[] size(RgbImage image) {
    return preprocessor.outputSize(image);
  }

  /** How many images from {@code first} on are computed together: those of one size, in bounds. */
  int batch(List<RgbImage> images, int first, int tokensEach) {
    int most = Math.max(1, options.compute().maxBatchTokens() / tokensEach);
    int count = 1;
    while (first + count < images.size()
        && count < most
        && Arrays.equals(size(images.get(first)), size(images.get(first + count)))) {
      count++;
    }
    return count;
  }

  /** What a model computes of images. */
  interface Pass<M> {
    MemorySegment run(M task, boolean interpolatePositions);
  }

  /** Runs images. */
  MemorySegment forward(Images images, Workspace workspace, Trace trace) {
    return forward((task, interpolate) -> task.forward(images, interpolate, workspace, trace));
  }

  /** Runs a pass, naming the model in what it refuses. */
  MemorySegment forward(Pass<M> pass) {
    try {
      return pass.run(task, options.interpolatePositions());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
    }
  }

  /**
   * Refuses further calls, waits for those in flight, and frees everything. Closing again does
   * nothing.
   */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      workspaces.close();
      resources.close();
    }
  }
}
