package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.image.RgbImage;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.image.Interpolation;
import dev.panaformer.kernel.image.Resize;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.Images;
import dev.panaformer.model.SegformerConfig;
import dev.panaformer.model.SegformerForSemanticSegmentation;
import dev.panaformer.model.VisionConfig;
import dev.panaformer.model.VisionEncoder;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * Labels each pixel of an image, by SegFormer.
 *
 * <p>Safe for use by any number of platform and virtual threads. {@link #close} waits for calls in
 * flight; later ones throw {@link IllegalStateException}.
 */
public final class ImageSegmenter implements AutoCloseable {
  private static final Buffer WIDE = Buffer.named("logits at full width");
  private final LoadedImageModel<SegformerForSemanticSegmentation> model;

  private ImageSegmenter(LoadedImageModel<SegformerForSemanticSegmentation> model) {
    this.model = model;
  }

  /** {@link #load(Path, ImageOptions)} with {@link ImageOptions#DEFAULT}. */
  public static ImageSegmenter load(Path folder) {
    return load(folder, ImageOptions.DEFAULT);
  }

  /**
   * Loads a SegFormer, with its {@code preprocessor_config.json}.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  public static ImageSegmenter load(Path folder, ImageOptions options) {
    return new ImageSegmenter(
        LoadedImageModel.load(
            folder,
            options,
            "SegformerForSemanticSegmentation",
            (weights, config) ->
                SegformerForSemanticSegmentation.load(weights, (SegformerConfig) config)));
  }

  /**
   * The label of each pixel of an image: scores are interpolated to its size, and the best one
   * wins.
   *
   * @throws dev.panaformer.image.ImageException if the file is no image that can be read
   */
  public Segmentation segment(Path file) {
    return segment(model.read(file));
  }

  /** {@link #segment(Path)} of an image in memory. */
  public Segmentation segment(RgbImage image) {
    try (Workspace workspace = model.lease()) {
      Images images = model.pixels(List.of(image), workspace);
      MemorySegment logits = model.forward(images, workspace, Trace.NONE);
      VisionEncoder.Layout layout = model.task().layout(images.height(), images.width());
      return new Segmentation(
          image.width(),
          image.height(),
          model.config().labels(),
          map(logits, layout, image.width(), image.height(), workspace));
    }
  }

  private int[] map(
      MemorySegment logits,
      VisionEncoder.Layout layout,
      int width,
      int height,
      Workspace workspace) {
    int labels = model.config().labels().size();
    int[] map = new int[width * height];
    // Bilinear interpolation is one of columns and one of lines. Scores of every pixel would take
    // too much memory, so the second goes line by line.
    MemorySegment wide = workspace.floats(WIDE, (long) layout.rows() * width * labels);
    model
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
        model.kernels().memory().onHost(wide, (long) layout.rows() * width * labels, workspace);
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

  /** Decodes a file within the limit of the options. */
  public RgbImage read(Path file) {
    return model.read(file);
  }

  /** What the model computes. */
  public VisionConfig config() {
    return model.config();
  }

  /** What computes it, for people: backend, instruction set, threads. */
  public String description() {
    return model.kernels().description();
  }

  @Override
  public void close() {
    model.close();
  }
}
