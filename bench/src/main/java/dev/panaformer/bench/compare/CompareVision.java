package dev.panaformer.bench.compare;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import dev.panaformer.Precision;
import dev.panaformer.bench.model.Topology;
import dev.panaformer.bench.model.VisionModels;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.image.RgbImage;
import dev.panaformer.image.preprocessing.ImagePreprocessor;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.vision.Images;
import dev.panaformer.model.vision.VisionConfig;
import dev.panaformer.model.vision.VisionTask;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;

/**
 * Compares ViT-B/16 with one and eight images and Swin-T with one image, from pixels to logits, in
 * float32 and with bfloat16 weights, with ONNX Runtime in float32. All sides take turns in one JVM,
 * as in {@link Rounds}. Then measures decoding and preprocessing: from a JPEG of twelve megapixels
 * to the pixels that a model reads.
 *
 * <p>{@code CompareVision [threads…]}; {@code -Dpanaformer.peers=} names the folder with
 * vit-b16.onnx and swin-tiny.onnx.
 */
public final class CompareVision {
  private static final int JPEG_ROUNDS = 7;

  private CompareVision() {}

  /** Arguments: the numbers of threads; 1 and 2 by default. */
  public static void main(String[] arguments) throws Exception {
    int[] threads = ThreadArguments.parse(arguments);
    Path cache = Path.of(System.getProperty("java.io.tmpdir"), "panaformer-bench");
    Path topologies = Path.of(System.getProperty("panaformer.peers", "../shared/peers"));
    for (int count : threads) {
      try (NativeKernels kernels = NativeKernels.create(Isa.AUTO, count)) {
        System.out.println(kernels.description() + "; milliseconds");
        System.out.println("                           float32 bfloat16   ONNX Runtime float32");
        Path swin = VisionModels.swinTiny(cache);
        compare("Swin-T, 1 image", swin, topologies, cache, "swin-tiny", kernels, count, 1);
        Path vit = VisionModels.vitBase(cache);
        compare("ViT-B/16, 1 image", vit, topologies, cache, "vit-b16", kernels, count, 1);
        compare("ViT-B/16, 8 images", vit, topologies, cache, "vit-b16", kernels, count, 8);
      }
    }
    preprocessing(cache);
  }

  private static void compare(
      String name,
      Path folder,
      Path topologies,
      Path cache,
      String topology,
      Kernels kernels,
      int threads,
      int images)
      throws Exception {
    ModelFolder model = ModelFolder.open(folder);
    VisionConfig config = VisionConfig.of(model.config());
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    String graph = Topology.onnx(topologies, cache, topology).resolve("model.onnx").toString();
    try (NativeMemory memory = NativeMemory.onHugePages();
        Workspace workspace = new Workspace();
        Arena arena = Arena.ofConfined();
        SessionOptions options = options(threads);
        OrtSession session = environment.createSession(graph, options)) {
      VisionTask exact = task(model, config, kernels, memory, Precision.FP32);
      VisionTask rounded = task(model, config, kernels, memory, Precision.BF16);
      float[] values = noise(images * 3 * VisionModels.SIDE * VisionModels.SIDE);
      MemorySegment pixels = arena.allocate(values.length * 4L, 64);
      MemorySegment.copy(values, 0, pixels, JAVA_FLOAT, 0, values.length);
      Images batch = new Images(pixels, images, 3, VisionModels.SIDE, VisionModels.SIDE);
      long[] shape = {images, 3, VisionModels.SIDE, VisionModels.SIDE};
      String input = session.getInputNames().iterator().next();
      try (OnnxTensor tensor =
          OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), shape)) {
        double[][] times =
            Rounds.measure(
                List.of(
                    () -> exact.forward(batch, false, workspace, Trace.NONE),
                    () -> rounded.forward(batch, false, workspace, Trace.NONE),
                    () -> session.run(Map.of(input, tensor)).close()));
        System.out.printf(
            Locale.ROOT,
            "%-22s %11.2f %8.2f %14.2f, %.2f and %.2f times as long%n",
            name,
            Rounds.median(times[0]),
            Rounds.median(times[1]),
            Rounds.median(times[2]),
            Rounds.ratio(times[2], times[0]),
            Rounds.ratio(times[2], times[1]));
      }
    }
  }

  private static VisionTask task(
      ModelFolder model,
      VisionConfig config,
      Kernels kernels,
      NativeMemory memory,
      Precision precision)
      throws IOException {
    try (Checkpoint checkpoint = model.openWeights();
        Weights weights =
            new Weights(
                checkpoint, kernels, memory, config.weightNames(), precision.weightFormat())) {
      return config.load(weights);
    }
  }

  private static SessionOptions options(int threads) throws Exception {
    SessionOptions options = new SessionOptions();
    options.setIntraOpNumThreads(threads);
    options.setInterOpNumThreads(1);
    options.setOptimizationLevel(SessionOptions.OptLevel.ALL_OPT);
    options.addConfigEntry("session.set_denormal_as_zero", "1");
    return options;
  }

  private static float[] noise(int count) {
    SplittableRandom random = new SplittableRandom(4);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextDouble() * 2 - 1);
    }
    return values;
  }

  private static void preprocessing(Path cache) throws Exception {
    Path file = photograph(cache);
    ModelFolder swin = ModelFolder.open(VisionModels.swinTiny(cache));
    ImagePreprocessor preprocessor =
        ImagePreprocessor.read(swin.path(), VisionConfig.of(swin.config()).preprocessing());
    double[] decoding = new double[JPEG_ROUNDS];
    double[] preparing = new double[JPEG_ROUNDS];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pixels = arena.allocate(JAVA_FLOAT, 3L * VisionModels.SIDE * VisionModels.SIDE);
      for (int round = -2; round < JPEG_ROUNDS; round++) {
        long begin = System.nanoTime();
        RgbImage image = RgbImage.read(file, Long.MAX_VALUE, Long.MAX_VALUE);
        long decoded = System.nanoTime();
        preprocessor.write(image, pixels);
        if (round >= 0) {
          decoding[round] = (decoded - begin) * 1e-6;
          preparing[round] = (System.nanoTime() - decoded) * 1e-6;
        }
      }
    }
    System.out.printf(
        Locale.ROOT,
        "A JPEG of 4000 x 3000: decoding %.0f ms, resizing and normalising %.0f ms%n",
        Rounds.median(decoding),
        Rounds.median(preparing));
  }

  /** A synthetic image of twelve megapixels with the kinds of content that photographs have. */
  private static Path photograph(Path cache) throws IOException {
    Path file = cache.resolve("photograph.jpg");
    if (!Files.exists(file)) {
      BufferedImage image = new BufferedImage(4000, 3000, BufferedImage.TYPE_3BYTE_BGR);
      SplittableRandom random = new SplittableRandom(5);
      for (int y = 0; y < 3000; y++) {
        for (int x = 0; x < 4000; x++) {
          int wave = (int) (100 + 80 * Math.sin(x * 0.01) * Math.cos(y * 0.013));
          int grain = random.nextInt(24);
          image.setRGB(x, y, wave + grain << 16 | (x + y) / 40 + grain << 8 | y / 16);
        }
      }
      ImageIO.write(image, "jpg", file.toFile());
    }
    return file;
  }
}
