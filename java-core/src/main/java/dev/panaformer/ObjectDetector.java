package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.image.RgbImage;
import dev.panaformer.model.vision.Images;
import dev.panaformer.model.vision.VitConfig;
import dev.panaformer.model.vision.YolosForObjectDetection;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.ImageRuntime;
import dev.panaformer.runtime.ModelRuntime;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Finds objects in images, with YOLOS. */
public final class ObjectDetector implements Model {
  private final ImageRuntime<YolosForObjectDetection> runtime;

  private ObjectDetector(ImageRuntime<YolosForObjectDetection> runtime) {
    this.runtime = runtime;
  }

  /** {@link #load(Path, ImageOptions)} with {@link ImageOptions#DEFAULT}. */
  public static ObjectDetector load(Path folder) {
    return load(folder, ImageOptions.DEFAULT);
  }

  /**
   * Loads a YOLOS model, with its {@code preprocessor_config.json}.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  public static ObjectDetector load(Path folder, ImageOptions options) {
    return ModelRuntime.task(
        ImageRuntime.load(
            folder,
            options.compute().settings(),
            options.limits(),
            "YolosForObjectDetection",
            (weights, config) -> YolosForObjectDetection.load(weights, (VitConfig) config)),
        ObjectDetector::new);
  }

  /**
   * The objects in an image, in descending order of their scores.
   *
   * @param threshold only objects with a higher score are returned; from 0 to 1
   * @throws dev.panaformer.image.ImageException if the file is not an image that can be read
   */
  public List<Detection> detect(Path file, double threshold) {
    return detect(runtime.read(file), threshold);
  }

  /** The objects in an image in memory, as for {@link #detect(Path, double)}. */
  public List<Detection> detect(RgbImage image, double threshold) {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new IllegalArgumentException("threshold is " + threshold + ", not in 0 to 1");
    }
    return runtime.call(workspace -> {
      Images images = runtime.pixels(List.of(image), workspace);
      int objects = runtime.model().vit().config().numDetectionTokens();
      long floats =
          (long) objects * (runtime.config().labels().size() + 1 + YolosForObjectDetection.BOX);
      MemorySegment logits =
          runtime
              .kernels()
              .memory()
              .onHost(runtime.forward(images, workspace, Trace.NONE), floats, workspace);
      return detections(logits, image, threshold);
    });
  }

  private List<Detection> detections(MemorySegment logits, RgbImage image, double threshold) {
    List<String> labels = runtime.config().labels();
    int objects = runtime.model().vit().config().numDetectionTokens();
    int classes = labels.size() + 1;
    List<Detection> found = new ArrayList<>();
    double[] scores = new double[classes];
    for (int i = 0; i < objects; i++) {
      for (int c = 0; c < classes; c++) {
        scores[c] = logits.getAtIndex(JAVA_FLOAT, (long) i * classes + c);
      }
      Probabilities.softmax(scores);
      int best = 0;
      for (int c = 1; c < labels.size(); c++) {
        best = scores[c] > scores[best] ? c : best;
      }
      if (scores[best] > threshold) {
        long at = (long) objects * classes + (long) i * YolosForObjectDetection.BOX;
        found.add(new Detection(labels.get(best), (float) scores[best], box(logits, at, image)));
      }
    }
    found.sort(Comparator.comparingDouble(Detection::score).reversed());
    return found;
  }

  private static Detection.Box box(MemorySegment values, long at, RgbImage image) {
    float x = values.getAtIndex(JAVA_FLOAT, at) * image.width();
    float y = values.getAtIndex(JAVA_FLOAT, at + 1) * image.height();
    float width = values.getAtIndex(JAVA_FLOAT, at + 2) * image.width();
    float height = values.getAtIndex(JAVA_FLOAT, at + 3) * image.height();
    return new Detection.Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2);
  }

  /**
   * Decodes an image file, within the limits of the options, for {@link #detect(RgbImage, double)}.
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
