package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.image.RgbImage;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.image.Interpolation;
import dev.panaformer.kernel.image.Resize;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.vision.Images;
import dev.panaformer.model.vision.SegformerConfig;
import dev.panaformer.model.vision.SegformerForSemanticSegmentation;
import dev.panaformer.model.vision.VisionEncoder;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.ImageRuntime;
import dev.panaformer.runtime.ModelRuntime;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/** Assigns a label to each pixel of an image, with SegFormer. */
public final class ImageSegmenter implements Model {
  private static final Buffer WIDE = Buffer.named("logits at full width");

  private final ImageRuntime<SegformerForSemanticSegmentation> runtime;

  private ImageSegmenter(ImageRuntime<SegformerForSemanticSegmentation> runtime) {
    this.runtime = runtime;
  }

  /** {@link #load(Path, ImageOptions)} with {@link ImageOptions#DEFAULT}. */
  public static ImageSegmenter load(Path folder) {
    return load(folder, ImageOptions.DEFAULT);
  }

  /**
   * Loads a SegFormer model, with its {@code preprocessor_config.json}.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  public static ImageSegmenter load(Path folder, ImageOptions options) {
    return ModelRuntime.task(
        ImageRuntime.load(
            folder,
            options.compute().settings(),
            options.limits(),
            "SegformerForSemanticSegmentation",
            (weights, config) ->
                SegformerForSemanticSegmentation.load(weights, (SegformerConfig) config)),
        ImageSegmenter::new);
  }

  /**
   * The label of each pixel of an image. The scores are interpolated to the size of the image
   * before the best label of each pixel is chosen.
   *
   * @throws dev.panaformer.image.ImageException if the file is not an image that can be read
   */
  public Segmentation segment(Path file) {
    return segment(runtime.read(file));
  }

  /** The label of each pixel of an image in memory, as for {@link #segment(Path)}. */
  public Segmentation segment(RgbImage image) {
    return runtime.call(workspace -> {
      Images images = runtime.pixels(List.of(image), workspace);
      MemorySegment logits = runtime.forward(images, workspace, Trace.NONE);
      VisionEncoder.Layout layout = runtime.model().layout(images.height(), images.width());
      return new Segmentation(
          image.width(),
          image.height(),
          runtime.config().labels(),
          map(logits, layout, image.width(), image.height(), workspace));
    });
  }

  private int[] map(
      MemorySegment logits,
      VisionEncoder.Layout layout,
      int width,
      int height,
      Workspace workspace) {
    int labels = runtime.config().labels().size();
    int[] map = new int[width * height];
    // Bilinear interpolation is separable: first columns, then rows. Scores of all pixels would
    // take too much memory, so the rows are interpolated one at a time.
    MemorySegment wide = workspace.floats(WIDE, (long) layout.rows() * width * labels);
    runtime
        .kernels()
        .image()
        .interpolate(
            logits,
            new Resize(
                new ImageShape(layout.rows(), 1, layout.columns(), labels),
                1,
                width,
                labels,
                Interpolation.BILINEAR),
            wide,
            workspace);
    MemorySegment scores =
        runtime.kernels().memory().onHost(wide, (long) layout.rows() * width * labels, workspace);
    float[] line = new float[width * labels];
    float[] above = new float[width * labels];
    float[] below = new float[width * labels];
    for (int y = 0; y < height; y++) {
      double at = Math.max((y + 0.5) * layout.rows() / height - 0.5, 0);
      int first = (int) at;
      int second = Math.min(first + 1, layout.rows() - 1);
      float part = (float) (at - first);
      copyLine(scores, first, above);
      copyLine(scores, second, below);
      for (int i = 0; i < line.length; i++) {
        line[i] = above[i] + part * (below[i] - above[i]);
      }
      for (int x = 0; x < width; x++) {
        map[y * width + x] = best(line, x * labels, labels);
      }
    }
    return map;
  }

  private static void copyLine(MemorySegment scores, int row, float[] line) {
    long from = (long) row * line.length * Float.BYTES;
    MemorySegment.copy(scores, JAVA_FLOAT, from, line, 0, line.length);
  }

  private static int best(float[] scores, int from, int count) {
    int best = 0;
    for (int i = 1; i < count; i++) {
      best = scores[from + i] > scores[from + best] ? i : best;
    }
    return best;
  }

  /**
   * Decodes an image file, within the limits of the options, for {@link #segment(RgbImage)}.
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
