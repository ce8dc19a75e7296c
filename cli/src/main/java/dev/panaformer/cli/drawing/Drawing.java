package dev.panaformer.cli.drawing;

import dev.panaformer.Detection;
import dev.panaformer.PatchAttention;
import dev.panaformer.Segmentation;
import dev.panaformer.image.RgbImage;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;

/** Draws the results of models on the image that they were given. */
public final class Drawing {
  /** A step through the colour circle: no multiple of it comes close to an earlier one. */
  private static final float HUE_STEP = 0.618034f;

  /** The opacity of a label's colour over the image, from 0 to 1. */
  private static final float COVER = 0.55f;

  static {
    // Drawing into memory needs no display, and must not fail if there is none.
    System.setProperty("java.awt.headless", "true");
  }

  private Drawing() {}

  /** The colour of a label, by its index. */
  private static Color color(int label) {
    return Color.getHSBColor(label * HUE_STEP, 0.85f, 0.95f);
  }

  /** Boxes with their labels and scores. */
  public static BufferedImage boxes(
      RgbImage image, List<Detection> detections, List<String> labels) {
    BufferedImage picture = image.toBufferedImage();
    Graphics2D graphics = picture.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    float stroke = Math.max(2, Math.min(image.width(), image.height()) / 250f);
    graphics.setStroke(new BasicStroke(stroke));
    graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, Math.max(11, (int) (6 * stroke))));
    for (Detection detection : detections) {
      Detection.Box box = detection.box();
      graphics.setColor(color(labels.indexOf(detection.label())));
      graphics.draw(
          new Rectangle2D.Float(
              box.left(), box.top(), box.right() - box.left(), box.bottom() - box.top()));
      tag(graphics, detection, image);
    }
    graphics.dispose();
    return picture;
  }

  /** Label and score on a plate over the box, or within it where there is no room above. */
  private static void tag(Graphics2D graphics, Detection detection, RgbImage image) {
    String text = String.format(Locale.ROOT, "%s %.2f", detection.label(), detection.score());
    FontMetrics metrics = graphics.getFontMetrics();
    int width = metrics.stringWidth(text) + metrics.getDescent() * 2;
    int height = metrics.getHeight();
    int left = Math.clamp((int) detection.box().left(), 0, Math.max(0, image.width() - width));
    int above = (int) detection.box().top() - height;
    int top = above >= 0 ? above : Math.max((int) detection.box().top(), 0);
    graphics.fillRect(left, top, width, height);
    graphics.setColor(Color.BLACK);
    graphics.drawString(text, left + metrics.getDescent(), top + metrics.getAscent());
  }

  /** The colours of labels over the image. */
  public static BufferedImage labels(RgbImage image, Segmentation segmentation) {
    BufferedImage picture = image.toBufferedImage();
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        Color color = color(segmentation.map()[y * image.width() + x]);
        picture.setRGB(x, y, mixed(picture.getRGB(x, y), color.getRGB(), COVER));
      }
    }
    return picture;
  }

  /** The image, dark where nothing was attended to. */
  public static BufferedImage attention(RgbImage image, PatchAttention map) {
    BufferedImage picture = image.toBufferedImage();
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        float weight = at(map, (x + 0.5f) / image.width(), (y + 0.5f) / image.height());
        int warm = Color.getHSBColor((1 - weight) * 0.66f, 1, 1).getRGB();
        picture.setRGB(x, y, mixed(picture.getRGB(x, y), warm, 0.2f + 0.4f * weight));
      }
    }
    return picture;
  }

  /** Interpolates between the centres of the patches around a position, given as fractions. */
  private static float at(PatchAttention map, float x, float y) {
    float column = Math.clamp(x * map.columns() - 0.5f, 0, map.columns() - 1);
    float row = Math.clamp(y * map.rows() - 0.5f, 0, map.rows() - 1);
    int left = (int) column;
    int top = (int) row;
    int right = Math.min(left + 1, map.columns() - 1);
    int bottom = Math.min(top + 1, map.rows() - 1);
    float[] weights = map.weights();
    float across = column - left;
    float upper =
        weights[top * map.columns() + left] * (1 - across)
            + weights[top * map.columns() + right] * across;
    float lower =
        weights[bottom * map.columns() + left] * (1 - across)
            + weights[bottom * map.columns() + right] * across;
    return upper + (lower - upper) * (row - top);
  }

  private static int mixed(int rgb, int other, float share) {
    int mixed = 0;
    for (int shift = 0; shift <= 16; shift += 8) {
      float value = (rgb >> shift & 0xff) * (1 - share) + (other >> shift & 0xff) * share;
      mixed |= Math.round(value) << shift;
    }
    return mixed;
  }

  /**
   * Writes a PNG. A file that is there is overwritten, as every program does.
   *
   * @throws IOException if it cannot be written, naming the file and the reason
   */
  public static void write(BufferedImage picture, Path file) throws IOException {
    // ImageIO would delete what is there, a device too, and say nothing of why it cannot write.
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    if (!ImageIO.write(picture, "png", png)) {
      throw new IOException(file + ": no writer of PNG files");
    }
    try {
      Files.write(file, png.toByteArray());
    } catch (FileSystemException e) {
      throw e;
    } catch (IOException e) {
      throw new FileSystemException(file.toString(), null, e.getMessage());
    }
  }
}
