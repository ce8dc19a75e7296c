package dev.panaformer;

import dev.panaformer.image.RgbImage;
import dev.panaformer.model.vision.ImageClassification;
import dev.panaformer.model.vision.Images;
import dev.panaformer.model.vision.VisionEncoder;
import dev.panaformer.model.vision.VitModel;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.ImageRuntime;
import dev.panaformer.runtime.ModelRuntime;
import dev.panaformer.tensor.Tensor;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Classifies images with the labels of config.json: ViT, DeiT, Swin, SegFormer. Scores are
 * probabilities, as for {@link TextClassifier}.
 */
public final class ImageClassifier implements Model {
  private final ImageRuntime<ImageClassification> runtime;

  private ImageClassifier(ImageRuntime<ImageClassification> runtime) {
    this.runtime = runtime;
  }

  /** {@link #load(Path, ImageOptions)} with {@link ImageOptions#DEFAULT}. */
  public static ImageClassifier load(Path folder) {
    return load(folder, ImageOptions.DEFAULT);
  }

  /**
   * Loads a model that was trained to classify images, with its {@code preprocessor_config.json}.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  public static ImageClassifier load(Path folder, ImageOptions options) {
    return ModelRuntime.task(
        ImageRuntime.load(
            folder,
            options.compute().settings(),
            options.limits(),
            "ForImageClassification",
            ImageClassification::load),
        ImageClassifier::new);
  }

  /**
   * The best labels of an image, best first.
   *
   * @param count the maximum number of labels
   * @throws dev.panaformer.image.ImageException if the file is not an image that can be read
   */
  public List<Label> classify(Path file, int count) {
    return best(classifyAll(List.of(runtime.read(file))).getFirst(), count);
  }

  /** The best labels of an image in memory, as for {@link #classify(Path, int)}. */
  public List<Label> classify(RgbImage image, int count) {
    return best(classifyAll(List.of(image)).getFirst(), count);
  }

  /** All labels of each image, in the order of the images. */
  public List<List<Label>> classifyAll(List<RgbImage> images) {
    return runtime.call(workspace -> {
      List<List<Label>> results = new ArrayList<>();
      for (int first = 0; first < images.size(); ) {
        int[] size = runtime.size(images.get(first));
        VisionEncoder.Layout layout = runtime.model().encoder().layout(size[0], size[1]);
        int count = runtime.batch(images, first, Math.max(1, layout.tokens()));
        Images batch = runtime.pixels(images.subList(first, first + count), workspace);
        MemorySegment logits =
            runtime
                .kernels()
                .memory()
                .onHost(
                    runtime.forward(batch, workspace, Trace.NONE),
                    (long) count * labels().size(),
                    workspace);
        for (int i = 0; i < count; i++) {
          results.add(Labels.scored(logits, i, labels(), runtime.config().problemType()));
        }
        first += count;
      }
      return results;
    });
  }

  private static List<Label> best(List<Label> labels, int count) {
    if (count < 1) {
      throw new IllegalArgumentException("count is " + count + ", at least 1");
    }
    return labels.subList(0, Math.min(count, labels.size()));
  }

  /**
   * The contribution of each patch of an image to the first token, by attention rollout (Abnar,
   * Zuidema 2020).
   *
   * @throws UnsupportedOperationException if the attention of the model does not cover the whole
   *     image
   */
  public PatchAttention attention(RgbImage image) {
    if (!(runtime.model().encoder() instanceof VitModel vit)) {
      throw new UnsupportedOperationException(
          "attention rollout of "
              + runtime.config().architecture()
              + ": its attention does not see the whole image");
    }
    return runtime.call(workspace -> {
      Images images = runtime.pixels(List.of(image), workspace);
      VisionEncoder.Layout layout = vit.layout(images.height(), images.width());
      AttentionRollout rollout = new AttentionRollout(vit.config(), layout);
      runtime.forward(
          images,
          workspace,
          (name, values, shape) ->
              rollout.accept(
                  name,
                  runtime.kernels().memory().onHost(values, Tensor.elements(shape), workspace)));
      return rollout.map(layout);
    });
  }

  /**
   * Decodes an image file, within the limits of the options, for {@link #classifyAll}.
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

  /** The labels, in the order of config.json. */
  public List<String> labels() {
    return runtime.config().labels();
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
