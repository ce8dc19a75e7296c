package dev.panaformer.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.Iterator;
import java.util.Optional;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The readers to add are named for the formats that the JDK reads badly or not at all. */
class ImageReadersTest {
  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  @ParameterizedTest
  @CsvSource({
    "524946461c00000057454250, WebP, webp",
    "ffd8ffe000104a4649460001, JPEG, jpeg",
    "49492a0008000000, TIFF, tiff",
    "4d4d002a00000008, TIFF, tiff"
  })
  void aReaderIsNamedByTheFirstBytes(String hex, String format, String artifact) {
    assertEquals(
        Optional.of(
            "the reader of "
                + format
                + " files is missing, add com.twelvemonkeys.imageio:imageio-"
                + artifact
                + " to the class path or module path"),
        ImageReaders.missing(bytes(hex)));
  }

  @ParameterizedTest
  @CsvSource({"89504e470d0a1a0a", "474946383961", "424d", "00", "52494646", "ffd8"})
  void otherFilesNeedNoReader(String hex) {
    assertEquals(Optional.empty(), ImageReaders.missing(bytes(hex)));
  }

  /** A damaged file is not blamed on a reader if the best one has failed. */
  @Test
  void onlyTheReaderOfTheJdkCanBeReplaced() {
    byte[] jpeg = bytes("ffd8ffe000104a4649460001");
    assertTrue(ImageReaders.missing(jpeg, reader(true)).isPresent());
    assertEquals(Optional.empty(), ImageReaders.missing(jpeg, reader(false)));
  }

  private static ImageReader reader(boolean ofTheJdk) {
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName("jpeg");
    return Stream.generate(() -> readers.hasNext() ? readers.next() : null)
        .filter(
            reader -> (reader.getClass().getModule() == ImageReader.class.getModule()) == ofTheJdk)
        .findFirst()
        .orElseThrow();
  }
}
