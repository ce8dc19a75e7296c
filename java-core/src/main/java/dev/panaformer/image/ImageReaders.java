package dev.panaformer.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import javax.imageio.ImageReader;

/**
 * The readers beside those of the JDK. ImageIO finds them on the class path and on the module path
 * by itself; in a run-time image of jlink they are missing unless its user adds them. The JDK reads
 * no WebP, and not every JPEG and TIFF.
 */
final class ImageReaders {
  private static final String ARTIFACT = "com.twelvemonkeys.imageio:imageio-";

  private ImageReaders() {}

  /** What to add for a file that no reader recognises; empty if it is no image at all. */
  static Optional<String> missing(byte[] file) {
    return format(file)
        .map(format ->
            String.format(
                "the reader of %s files is missing, add %s%s to the class path or module path",
                format, ARTIFACT, format.toLowerCase(Locale.ROOT)));
  }

  /** What to add for a file that a reader could not read; empty if that was the best reader. */
  static Optional<String> missing(byte[] file, ImageReader failed) {
    return isOfTheJdk(failed) ? missing(file) : Optional.empty();
  }

  private static boolean isOfTheJdk(ImageReader reader) {
    return reader.getClass().getModule() == ImageReader.class.getModule();
  }

  /** The format by the first bytes, if it has a reader outside the JDK. */
  private static Optional<String> format(byte[] file) {
    String head =
        new String(Arrays.copyOf(file, Math.min(file.length, 12)), StandardCharsets.ISO_8859_1);
    if (head.startsWith("RIFF") && head.endsWith("WEBP")) {
      return Optional.of("WebP");
    }
    if (head.startsWith("\u00ff\u00d8\u00ff")) {
      return Optional.of("JPEG");
    }
    if (head.matches("(?s)(II[*+]\0|MM\0[*+]).*")) {
      return Optional.of("TIFF");
    }
    return Optional.empty();
  }
}
