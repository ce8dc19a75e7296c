package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that read images, as a user runs them. */
class ImageCommandsTest {
  @TempDir Path folder;
  private String image;

  @BeforeEach
  void writeImage() throws IOException {
    BufferedImage pixels = new BufferedImage(60, 40, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < 40; y++) {
      for (int x = 0; x < 60; x++) {
        pixels.setRGB(x, y, x * 4 << 16 | y * 6 << 8 | (x ^ y));
      }
    }
    Path file = folder.resolve("image.png");
    ImageIO.write(pixels, "png", file.toFile());
    image = file.toString();
  }

  private String model(String name, int height, int width) throws IOException {
    Path model = Golden.copy(name, folder.resolve(name));
    Files.writeString(
        model.resolve("preprocessor_config.json"),
        String.format("{\"size\": {\"height\": %d, \"width\": %d}}", height, width));
    return model.toString();
  }

  private static JsonObject json(Outcome outcome) {
    assertEquals(0, outcome.status(), outcome::toString);
    return JsonParser.parseString(outcome.out()).getAsJsonObject();
  }

  private void assertPicture(Path file) throws IOException {
    BufferedImage picture = ImageIO.read(file.toFile());
    assertEquals(60, picture.getWidth());
    assertEquals(40, picture.getHeight());
    BufferedImage original = ImageIO.read(Path.of(image).toFile());
    boolean drawn = false;
    for (int y = 0; y < 40; y++) {
      for (int x = 0; x < 60; x++) {
        drawn |= picture.getRGB(x, y) != original.getRGB(x, y);
      }
    }
    assertTrue(drawn, "nothing was drawn");
  }

  @Test
  void classifiesAndDrawsAttention() throws IOException {
    String model = model("vit-small", 12, 12);
    Path attention = folder.resolve("attention.png");
    Outcome outcome =
        Outcome.of(
            "classify-image",
            "--model",
            model,
            "--top",
            "2",
            "--attention",
            attention.toString(),
            image);
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals(3, outcome.lines().size());
    assertEquals(image, outcome.lines().get(0));
    assertTrue(outcome.lines().get(1).matches(" +[01]\\.\\d{4}  LABEL_\\d"), outcome.out());
    assertPicture(attention);
    JsonObject line = json(Outcome.of("classify-image", "--model", model, "--json", image));
    double sum = 0;
    for (JsonElement label : line.getAsJsonArray("labels")) {
      sum += label.getAsJsonObject().get("score").getAsDouble();
    }
    assertEquals(1, sum, 1e-5);
  }

  @Test
  void detectsAndDrawsBoxes() throws IOException {
    String model = model("yolos-small", 16, 13);
    Path output = folder.resolve("boxes.png");
    Outcome outcome =
        Outcome.of(
            "detect", "--model", model, "--threshold", "0", "--output", output.toString(), image);
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals(4, outcome.lines().size());
    assertPicture(output);
    JsonObject line =
        json(Outcome.of("detect", "--model", model, "--threshold", "0", "--json", image));
    assertEquals(3, line.getAsJsonArray("objects").size());
    JsonObject object = line.getAsJsonArray("objects").get(0).getAsJsonObject();
    assertTrue(object.getAsJsonObject("box").has("left"), object::toString);
  }

  @Test
  void segmentsAndDrawsLabels() throws IOException {
    String model = model("segformer-small", 24, 28);
    Path output = folder.resolve("labels.png");
    JsonObject line =
        json(
            Outcome.of(
                "segment", "--model", model, "--json", "--output", output.toString(), image));
    int pixels = 0;
    for (JsonElement segment : line.getAsJsonArray("segments")) {
      pixels += segment.getAsJsonObject().get("pixels").getAsInt();
    }
    assertEquals(60 * 40, pixels);
    assertPicture(output);
    Outcome table = Outcome.of("segment", "--model", model, image);
    assertTrue(table.lines().get(1).matches(" +[\\d.]+ % +\\d+  LABEL_\\d"), table.out());
  }

  @Test
  void saysWhatIsWrong() throws IOException {
    String model = model("vit-small", 12, 12);
    Path text = Files.writeString(folder.resolve("text.jpg"), "no image");
    Outcome outcome = Outcome.of("classify-image", "--model", model, text.toString());
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains(text + ": not an image that can be read"), outcome.err());
    outcome = Outcome.of("classify-image", "--model", model, "--max-pixels", "100", image);
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("60 x 40 pixels, more than the 100"), outcome.err());
    assertEquals(2, Outcome.of("classify-image", "--model", model).status());
    assertEquals(2, Outcome.of("detect", "--model", model, "--threshold", "2", image).status());
    assertEquals(2, Outcome.of("segment", "--model", model, "--output", "out.jpg", image).status());
    assertEquals(
        2, Outcome.of("segment", "--model", model, "--output", "out.png", image, image).status());
    outcome = Outcome.of("detect", "--model", model, image);
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("architectures"), outcome.err());
  }

  @Test
  void infoKnowsModelsOfImages() throws IOException {
    Outcome outcome = Outcome.of("info", "--model", model("swin-small", 20, 20));
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(outcome.out().contains("SwinForImageClassification"), outcome.out());
  }
}
