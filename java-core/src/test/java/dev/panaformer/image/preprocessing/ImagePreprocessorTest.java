package dev.panaformer.image.preprocessing;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonParser;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.image.RgbImage;
import dev.panaformer.model.vision.VisionConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImagePreprocessorTest {
  private static ImagePreprocessor of(String json, String modelType) {
    ConfigJson config = config("config.json", "{\"model_type\": \"" + modelType + "\"}");
    return ImagePreprocessor.of(
        config("preprocessor_config.json", json), VisionConfig.of(config).preprocessing());
  }

  private static ConfigJson config(String file, String json) {
    return ConfigJson.parse(Path.of(file), JsonParser.parseString(json).toString());
  }

  private static RgbImage image(int width, int height) {
    byte[] samples = new byte[width * height * 3];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (byte) (i * 7);
    }
    return new RgbImage(width, height, samples);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "vit | {} | 640 | 480 | 224 x 224",
        "vit | {'size': 384} | 640 | 480 | 384 x 384",
        "vit | {'size': {'height': 100, 'width': 60}} | 640 | 480 | 60 x 100",
        "vit | {'size': {'shortest_edge': 240}} | 640 | 480 | 320 x 240",
        "vit | {'size': {'shortest_edge': 100, 'longest_edge': 120}} | 640 | 480 | 120 x 90",
        "vit | {'do_resize': false} | 640 | 480 | 640 x 480",
        "deit | {} | 640 | 480 | 224 x 224",
        "deit | {'crop_size': 200} | 640 | 480 | 200 x 200",
        "deit | {'do_center_crop': false} | 640 | 480 | 256 x 256",
        "segformer | {} | 640 | 480 | 512 x 512",
        // Multiples of 16, and no side above 1333.
        "yolos | {} | 640 | 480 | 1056 x 800",
        "yolos | {} | 2000 | 500 | 1328 x 320",
        "yolos | {'size': 512} | 2000 | 500 | 1328 x 320",
        "yolos | {'size': 512, 'max_size': 864} | 2000 | 500 | 864 x 208",
        "yolos | {'size': 800, 'max_size': 1333} | 480 | 640 | 800 x 1056",
      })
  void sizes(String modelType, String json, int width, int height, String expected) {
    int[] size = of(json.replace('\'', '"'), modelType).outputSize(image(width, height));
    assertEquals(expected, size[1] + " x " + size[0]);
  }

  private static float[] pixels(ImagePreprocessor preprocessor, RgbImage image) {
    int[] size = preprocessor.outputSize(image);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pixels = arena.allocate(JAVA_FLOAT, 3L * size[0] * size[1]);
      preprocessor.write(image, pixels);
      return pixels.toArray(JAVA_FLOAT);
    }
  }

  @Test
  void rescalesAndNormalisesEachChannel() {
    RgbImage image = new RgbImage(1, 1, new byte[] {0, (byte) 255, 51});
    assertArrayEquals(
        new float[] {-1, 1, -0.6f}, pixels(of("{\"do_resize\": false}", "vit"), image), 1e-6f);
    assertArrayEquals(
        new float[] {-0.485f / 0.229f, (1 - 0.456f) / 0.224f, (0.2f - 0.406f) / 0.225f},
        pixels(of("{\"do_resize\": false}", "segformer"), image),
        1e-6f);
    assertArrayEquals(
        new float[] {0, 1, 0.2f},
        pixels(of("{\"do_resize\": false, \"do_normalize\": false}", "vit"), image),
        1e-6f);
    assertArrayEquals(
        new float[] {0, 255, 51},
        pixels(
            of("{\"do_resize\": false, \"do_normalize\": false, \"do_rescale\": false}", "vit"),
            image));
  }

  @Test
  void cropsTheMiddleAndPadsWhatIsTooSmall() {
    RgbImage image = image(5, 4);
    String plain = "{\"do_resize\": false, \"do_normalize\": false, \"do_rescale\": false, ";
    float[] cropped =
        pixels(
            of(
                plain + "\"do_center_crop\": true, \"crop_size\": {\"height\": 2, \"width\": 3}}",
                "vit"),
            image);
    // Rows 1 and 2, columns 1 to 3.
    for (int y = 0; y < 2; y++) {
      for (int x = 0; x < 3; x++) {
        assertEquals(image.samples()[((y + 1) * 5 + x + 1) * 3] & 0xff, cropped[y * 3 + x]);
      }
    }
    float[] padded =
        pixels(of(plain + "\"do_center_crop\": true, \"crop_size\": 8}", "vit"), image);
    assertEquals(0, padded[0]);
    assertEquals(image.samples()[3] & 0xff, padded[2 * 8 + 2]);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'resample': 9} | resample",
        "{'size': {'width': 3}} | size.height",
        "{'size': {'longest_edge': 3}} | size",
        "{'size': 0} | size",
        "{'image_mean': [1, 2]} | image_mean",
        "{'image_std': [1, 0, 1]} | image_std",
        "{'do_resize': 3} | do_resize",
      })
  void namesTheFieldThatIsWrong(String json, String field) {
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> of(json.replace('\'', '"'), "vit"));
    String expected = "preprocessor_config.json: " + field;
    assertEquals(expected, e.getMessage().substring(0, expected.length()));
  }
}
