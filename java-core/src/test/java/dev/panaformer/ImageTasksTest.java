package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.image.ImageException;
import dev.panaformer.image.RgbImage;
import dev.panaformer.nn.SinCosPositions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** From files to labels, vectors, boxes and maps, on small models. */
class ImageTasksTest {
  private static final Path CASES = Path.of("../cli/src/test/resources/golden");

  @TempDir Path folder;

  /** A case's model whose images are brought to this size, with config.json changed. */
  private Path model(String name, int height, int width, Consumer<JsonObject> change)
      throws IOException {
    Path target = Files.createDirectories(folder.resolve(name));
    try (Stream<Path> files = Files.list(CASES.resolve(name))) {
      for (Path file : files.toList()) {
        Files.write(target.resolve(file.getFileName()), Files.readAllBytes(file));
      }
    }
    Path config = target.resolve("config.json");
    JsonObject json = JsonParser.parseString(Files.readString(config)).getAsJsonObject();
    change.accept(json);
    Files.writeString(config, json.toString());
    Files.writeString(
        target.resolve("preprocessor_config.json"),
        String.format("{\"size\": {\"height\": %d, \"width\": %d}}", height, width));
    return target;
  }

  private Path model(String name, int height, int width) throws IOException {
    return model(name, height, width, json -> {});
  }

  private static RgbImage image(int seed, int width, int height) {
    byte[] samples = new byte[width * height * 3];
    new Random(seed).nextBytes(samples);
    return new RgbImage(width, height, samples);
  }

  private Path file(int seed, int width, int height) throws IOException {
    Path file = folder.resolve(seed + ".png");
    ImageIO.write(image(seed, width, height).toBufferedImage(), "png", file.toFile());
    return file;
  }

  @ParameterizedTest
  @ValueSource(strings = {"vit-small", "swin-small"})
  void classifies(String name) throws IOException {
    int side = name.startsWith("vit") ? 12 : 20;
    try (ImageClassifier model = ImageClassifier.load(model(name, side, side))) {
      List<Label> all = model.classify(file(1, 40, 30), 5);
      assertEquals(3, all.size());
      assertEquals(1, all.stream().mapToDouble(Label::score).sum(), 1e-5);
      assertTrue(all.get(0).score() >= all.get(1).score());
      assertEquals(all.subList(0, 1), model.classify(image(1, 40, 30), 1));
      List<RgbImage> images = new ArrayList<>();
      for (int seed = 1; seed <= 5; seed++) {
        images.add(image(seed, 10 * seed + 30, 30));
      }
      List<List<Label>> together = model.classifyAll(images);
      for (int i = 0; i < images.size(); i++) {
        assertEquals(model.classify(images.get(i), 3), together.get(i));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NATIVE", "JAVA"})
  void aBatchIsItsImages(Backend backend) throws IOException {
    ImageOptions options = ImageOptions.DEFAULT.withBackend(backend);
    Path path = model("swin-small", 17, 23);
    try (ImageClassifier model = ImageClassifier.load(path, options)) {
      List<RgbImage> images = List.of(image(1, 20, 20), image(2, 30, 20), image(3, 20, 40));
      List<List<Label>> together = model.classifyAll(images);
      for (int i = 0; i < images.size(); i++) {
        assertEquals(model.classifyAll(List.of(images.get(i))).getFirst(), together.get(i));
      }
    }
  }

  @Test
  void attentionIsAShareOfEveryPatch() throws IOException {
    try (ImageClassifier model = ImageClassifier.load(model("vit-small", 12, 12))) {
      PatchAttention map = model.attention(image(1, 40, 30));
      assertEquals(3, map.rows());
      assertEquals(3, map.columns());
      for (float weight : map.weights()) {
        assertTrue(weight >= 0 && weight <= 1, () -> Arrays.toString(map.weights()));
      }
    }
    try (ImageClassifier model = ImageClassifier.load(model("swin-small", 20, 20))) {
      assertThrows(UnsupportedOperationException.class, () -> model.attention(image(1, 40, 30)));
    }
  }

  @Test
  void embeds() throws IOException {
    Path path = model("vit-small", 12, 12);
    try (ImageEmbedder first = ImageEmbedder.load(path);
        ImageEmbedder mean = ImageEmbedder.load(path, ImagePooling.MEAN, ImageOptions.DEFAULT)) {
      float[] vector = first.embed(file(1, 40, 30));
      assertEquals(8, vector.length);
      assertArrayEquals(vector, first.embed(image(1, 40, 30)));
      assertEquals(8, mean.embed(image(1, 40, 30)).length);
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> ImageEmbedder.load(path, ImagePooling.DISTILLATION, ImageOptions.DEFAULT));
  }

  @Test
  void bytesAndStreamsAreReadWithinTheLimitsOfTheOptions() throws IOException {
    Path file = file(1, 40, 30);
    byte[] bytes = Files.readAllBytes(file);
    Path vit = model("vit-small", 12, 12);
    try (ImageClassifier model = ImageClassifier.load(vit)) {
      List<Label> expected = model.classify(file, 3);
      assertEquals(expected, model.classify(model.read(bytes), 3));
      assertEquals(expected, model.classify(model.read(new ByteArrayInputStream(bytes)), 3));
    }
    ImageOptions fewPixels = ImageOptions.DEFAULT.withMaxPixels(1199);
    ImageOptions fewBytes = ImageOptions.DEFAULT.withMaxFileBytes(bytes.length - 1);
    try (ImageClassifier pixels = ImageClassifier.load(vit, fewPixels);
        ImageEmbedder embedder = ImageEmbedder.load(vit, ImagePooling.CLS, fewBytes);
        ObjectDetector detector = ObjectDetector.load(model("yolos-small", 16, 13), fewBytes);
        ImageSegmenter segmenter =
            ImageSegmenter.load(model("segformer-small", 24, 28), fewBytes)) {
      String pixelsLeft = "40 x 30 pixels, more than the 1199 that are allowed";
      refused(pixelsLeft, () -> pixels.read(file));
      refused(pixelsLeft, () -> pixels.read(bytes));
      refused(pixelsLeft, () -> pixels.read(new ByteArrayInputStream(bytes)));
      String more = "more than the " + (bytes.length - 1);
      refused(more, () -> embedder.embed(file));
      refused(more, () -> detector.read(new ByteArrayInputStream(bytes)));
      refused(more, () -> segmenter.read(new ByteArrayInputStream(bytes)));
      assertEquals(8, embedder.embed(embedder.read(bytes)).length);
    }
  }

  private static void refused(String part, Executable read) {
    String message = assertThrows(ImageException.class, read).getMessage();
    assertTrue(message.contains(part), message);
  }

  @Test
  void detectsInPixelsOfTheImage() throws IOException {
    try (ObjectDetector model = ObjectDetector.load(model("yolos-small", 16, 13))) {
      RgbImage image = image(1, 80, 60);
      List<Detection> all = model.detect(image, 0);
      assertEquals(3, all.size());
      for (Detection detection : all) {
        Detection.Box box = detection.box();
        assertTrue(box.left() + box.right() > 0 && box.left() + box.right() < 160);
        assertTrue(box.top() + box.bottom() > 0 && box.top() + box.bottom() < 120);
        assertTrue(box.left() < box.right() && box.top() < box.bottom());
      }
      float threshold = all.get(1).score();
      assertEquals(all.subList(0, 1), model.detect(image, threshold));
      assertThrows(IllegalArgumentException.class, () -> model.detect(image, 1.5));
    }
  }

  @Test
  void segmentsEveryPixel() throws IOException {
    try (ImageSegmenter model = ImageSegmenter.load(model("segformer-small", 24, 28))) {
      Segmentation segmentation = model.segment(file(1, 50, 41));
      assertEquals(50, segmentation.width());
      assertEquals(41, segmentation.height());
      assertEquals(50 * 41, segmentation.map().length);
      assertEquals(50 * 41, Arrays.stream(segmentation.pixels()).sum());
      assertTrue(model.labels().contains(segmentation.labelAt(49, 40)));
      assertThrows(IndexOutOfBoundsException.class, () -> segmentation.labelAt(50, 0));
    }
  }

  /** Of a GPU, should there be one, and of the emulation. */
  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void aDeviceGivesWhatTheProcessorDoes(Backend device) throws IOException {
    try {
      device.open(1, 0).close();
    } catch (BackendException | UnsupportedOperationException e) {
      abort(e.getMessage());
    }
    RgbImage image = image(1, 40, 30);
    Path vit = model("vit-small", 12, 12);
    Path swin = model("swin-small", 17, 23);
    Path yolos = model("yolos-small", 20, 13);
    Path segformer = model("segformer-small", 24, 28);
    ImageOptions there = ImageOptions.DEFAULT.withBackend(device);
    try (ImageClassifier a = ImageClassifier.load(vit);
        ImageClassifier b = ImageClassifier.load(vit, there)) {
      assertLabels(a.classify(image, 3), b.classify(image, 3));
      assertArrayEquals(a.attention(image).weights(), b.attention(image).weights(), 1e-5f);
    }
    try (ImageClassifier a = ImageClassifier.load(swin);
        ImageClassifier b = ImageClassifier.load(swin, there)) {
      assertLabels(a.classify(image, 3), b.classify(image, 3));
    }
    try (ImageEmbedder a = ImageEmbedder.load(swin);
        ImageEmbedder b = ImageEmbedder.load(swin, ImagePooling.CLS, there)) {
      assertArrayEquals(a.embed(image), b.embed(image), 1e-4f);
    }
    try (ObjectDetector a = ObjectDetector.load(yolos);
        ObjectDetector b = ObjectDetector.load(yolos, there)) {
      List<Detection> here = a.detect(image, 0);
      List<Detection> detected = b.detect(image, 0);
      assertEquals(here.size(), detected.size());
      for (int i = 0; i < here.size(); i++) {
        assertEquals(here.get(i).score(), detected.get(i).score(), 1e-5f);
        assertEquals(here.get(i).box().left(), detected.get(i).box().left(), 1e-3f);
        assertEquals(here.get(i).box().bottom(), detected.get(i).box().bottom(), 1e-3f);
      }
    }
    try (ImageSegmenter a = ImageSegmenter.load(segformer);
        ImageSegmenter b = ImageSegmenter.load(segformer, there)) {
      assertArrayEquals(a.segment(image).map(), b.segment(image).map());
    }
  }

  private static void assertLabels(List<Label> expected, List<Label> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i).label(), actual.get(i).label());
      assertEquals(expected.get(i).score(), actual.get(i).score(), 1e-5f);
    }
  }

  @Test
  void anotherSizeThanThatOfThePositionsHasToBeAskedFor() throws IOException {
    Path path = model("vit-small", 20, 16);
    try (ImageClassifier model = ImageClassifier.load(path)) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> model.classify(image(1, 40, 30), 1));
      assertEquals(
          path
              + ": an image of 16 x 20 pixels; the model has positions for 12 x 12, and was not"
              + " asked to interpolate them",
          e.getMessage());
    }
    ImageOptions options = ImageOptions.DEFAULT.withInterpolatePositions(true);
    try (ImageClassifier model = ImageClassifier.load(path, options)) {
      assertEquals(1, model.classify(image(1, 40, 30), 1).size());
    }
  }

  @Test
  void aTableOfPositionsHasToFit() throws IOException {
    Path path = model("vit-small", 16, 16, json -> json.addProperty("image_size", 16));
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> ImageClassifier.load(path));
    assertTrue(
        e.getMessage().contains("position_embeddings")
            && e.getMessage().contains("[1, 10, 8]")
            && e.getMessage().contains("[1, 17, 8]"),
        e.getMessage());
  }

  @Test
  void channelsHaveToFit() throws IOException {
    Path path = model("swin-small", 20, 20, json -> json.addProperty("num_channels", 4));
    assertEquals(
        path.resolve("config.json")
            + ": num_channels is 4, expected 3: files are read as red, green and blue",
        assertThrows(CheckpointException.class, () -> ImageClassifier.load(path)).getMessage());
  }

  @Test
  void tooSmallAMapForItsWindows() throws IOException {
    Path path = model("swin-small", 4, 20);
    try (ImageClassifier model = ImageClassifier.load(path)) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> model.classify(image(1, 40, 30), 1));
      assertTrue(e.getMessage().startsWith(path + ": a stage of the model has 10 x 2"));
    }
  }

  @Test
  void folders() throws IOException {
    Path vit = model("vit-small", 12, 12);
    assertTrue(
        assertThrows(CheckpointException.class, () -> ObjectDetector.load(vit))
            .getMessage()
            .contains("architectures"));
    Files.delete(vit.resolve("preprocessor_config.json"));
    assertEquals(
        vit.resolve("preprocessor_config.json") + ": no such file",
        assertThrows(CheckpointException.class, () -> ImageClassifier.load(vit)).getMessage());
  }

  @Test
  void limitsAndLifetime() throws IOException {
    Path path = model("vit-small", 12, 12);
    Path image = file(1, 40, 30);
    ImageClassifier model =
        ImageClassifier.load(path, ImageOptions.DEFAULT.withMaxPixels(40 * 30 - 1));
    assertEquals(
        image + ": an image of 40 x 30 pixels, more than the 1199 that are allowed",
        assertThrows(ImageException.class, () -> model.classify(image, 1)).getMessage());
    model.close();
    model.close();
    assertThrows(IllegalStateException.class, () -> model.classify(image(1, 40, 30), 1));
    assertThrows(IllegalArgumentException.class, () -> ImageOptions.DEFAULT.withMaxPixels(0));
  }

  /** The first places of the grid by the formula, column before row. */
  @Test
  void computedPositions() throws IOException {
    float[] y = new float[2 * 3 * 8];
    SinCosPositions.fill(y, 0, 2, 3, 8);
    float[] place = Arrays.copyOfRange(y, 5 * 8, 6 * 8);
    double[] expected = {
      Math.sin(2), Math.sin(0.02), Math.cos(2), Math.cos(0.02),
      Math.sin(1), Math.sin(0.01), Math.cos(1), Math.cos(0.01)
    };
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], place[i], 1e-7);
    }
    Path path =
        model(
            "vit-small",
            12,
            12,
            json -> json.addProperty("position_embedding_type", "relative_key"));
    assertThrows(CheckpointException.class, () -> ImageClassifier.load(path));
  }
}
