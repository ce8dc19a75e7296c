package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.image.RgbImage;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.vision.Images;
import dev.panaformer.model.vision.VisionEncoder;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.ImageRuntime;
import dev.panaformer.runtime.ModelRuntime;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * Turns images into vectors: the features that a classification head would read. Loads any
 * checkpoint of ViT, DeiT, Swin, YOLOS or SegFormer, with or without a head.
 */
public final class ImageEmbedder implements Model {
  private final ImageRuntime<VisionEncoder> runtime;
  private final ImagePooling pooling;

  private ImageEmbedder(ImageRuntime<VisionEncoder> runtime, ImagePooling pooling) {
    this.runtime = runtime;
    this.pooling = pooling;
    // The layout of the smallest image shows how many tokens precede the patches.
    if (pooling == ImagePooling.DISTILLATION && runtime.model().layout(1, 1).before() < 2) {
      throw new IllegalArgumentException(runtime.name() + ": a model without a distillation token");
    }
  }

  /** Loads a model with {@link ImagePooling#CLS} and {@link ImageOptions#DEFAULT}. */
  public static ImageEmbedder load(Path folder) {
    return load(folder, ImagePooling.CLS, ImageOptions.DEFAULT);
  }

  /**
   * Loads the encoder of a model, with its {@code preprocessor_config.json}.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   * @throws IllegalArgumentException if the pooling is {@link ImagePooling#DISTILLATION} and the
   *     model has no distillation token
   */
  public static ImageEmbedder load(Path folder, ImagePooling pooling, ImageOptions options) {
    ImageRuntime<VisionEncoder> runtime =
        ImageRuntime.load(
            folder,
            options.compute().settings(),
            options.limits(),
            "",
            (weights, config) -> config.encoder(weights));
    return ModelRuntime.task(runtime, loaded -> new ImageEmbedder(loaded, pooling));
  }

  /**
   * The vector of an image.
   *
   * @throws dev.panaformer.image.ImageException if the file is not an image that can be read
   */
  public float[] embed(Path file) {
    return embed(runtime.read(file));
  }

  /** The vector of an image in memory. */
  public float[] embed(RgbImage image) {
    return runtime.call(workspace -> {
      Images images = runtime.pixels(List.of(image), workspace);
      VisionEncoder.Layout layout = runtime.model().layout(images.height(), images.width());
      int before = layout.before();
      if (pooling == ImagePooling.MEAN || before == 0) {
        MemorySegment x = runtime.forward(images, workspace, Trace.NONE);
        int places = layout.rows() * layout.columns();
        return mean(onHost(x, layout.tokens(), layout, workspace), before, places, layout);
      }
      int token = pooling == ImagePooling.CLS ? 0 : 1;
      MemorySegment x =
          runtime.forward((encoder, interpolate) ->
              encoder.firstTokens(images, interpolate, token + 1, workspace, Trace.NONE));
      return mean(onHost(x, token + 1, layout, workspace), token, 1, layout);
    });
  }

  private MemorySegment onHost(
      MemorySegment x, long tokens, VisionEncoder.Layout layout, Workspace workspace) {
    return runtime.kernels().memory().onHost(x, tokens * layout.hidden(), workspace);
  }

  private static float[] mean(MemorySegment x, int first, int count, VisionEncoder.Layout layout) {
    int hidden = layout.hidden();
    float[] mean = new float[hidden];
    for (int i = 0; i < hidden; i++) {
      double sum = 0;
      for (int t = first; t < first + count; t++) {
        sum += x.getAtIndex(JAVA_FLOAT, (long) t * hidden + i);
      }
      mean[i] = (float) (sum / count);
    }
    return mean;
  }

  /**
   * Decodes an image file, within the limits of the options, for {@link #embed(RgbImage)}.
   *
   * @throws dev.panaformer.image.ImageException as {@link RgbImage#read(Path, long, long)} does
   */
  public RgbImage read(Path file) {
    return runtime.read(file);
  }

  /**
   * Decodes the bytes of an image file, within the limit of pixels of the options.
   *
   * @throws dev.panaformer.image.ImageException as {@link RgbImage#read(byte[], long)} does
   */
  public RgbImage read(byte[] bytes) {
    return runtime.read(bytes);
  }

  /**
   * Reads a stream to its end and decodes it, within the limits of the options. The stream is not
   * closed.
   *
   * @throws dev.panaformer.image.ImageException as {@link RgbImage#read(InputStream, long, long)}
   *     does
   */
  public RgbImage read(InputStream stream) {
    return runtime.read(stream);
  }

  @Override
  public String description() {
    return runtime.description();
  }

  @Override
  public void close() {
    runtime.close();
  }
}
