package dev.panaformer.cli.drawing;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.image.BufferedImage;
import java.util.List;

/** Draws a matrix of attention weights, with a word at each row and column. */
public final class AttentionImage {
  private static final int CELL = 24;
  private static final int MARGIN = 8;
  private static final Color FULL = new Color(8, 48, 107);

  private AttentionImage() {}

  /**
   * @param weights {@code [rows][columns]}; the largest is darkest
   */
  public static BufferedImage draw(float[][] weights, List<String> rows, List<String> columns) {
    Font font = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
    FontMetrics metrics =
        new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB).createGraphics().getFontMetrics(font);
    int left = widest(metrics, rows) + 2 * MARGIN;
    int top = widest(metrics, columns) + 2 * MARGIN;
    BufferedImage image =
        new BufferedImage(
            left + CELL * columns.size() + MARGIN,
            top + CELL * rows.size() + MARGIN,
            BufferedImage.TYPE_INT_RGB);
    Graphics2D g = image.createGraphics();
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    g.setFont(font);
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, image.getWidth(), image.getHeight());
    float largest = Float.MIN_NORMAL;
    for (float[] row : weights) {
      for (float weight : row) {
        largest = Math.max(largest, weight);
      }
    }
    for (int r = 0; r < rows.size(); r++) {
      for (int c = 0; c < columns.size(); c++) {
        g.setColor(shade(weights[r][c] / largest));
        g.fillRect(left + c * CELL, top + r * CELL, CELL - 1, CELL - 1);
      }
    }
    g.setColor(Color.BLACK);
    int baseline = (CELL + metrics.getAscent() - metrics.getDescent()) / 2;
    for (int r = 0; r < rows.size(); r++) {
      int width = metrics.stringWidth(rows.get(r));
      g.drawString(rows.get(r), left - MARGIN - width, top + r * CELL + baseline);
    }
    AffineTransform upright = g.getTransform();
    for (int c = 0; c < columns.size(); c++) {
      g.translate(left + c * CELL + baseline, top - MARGIN);
      g.rotate(-Math.PI / 2);
      g.drawString(columns.get(c), 0, 0);
      g.setTransform(upright);
    }
    g.dispose();
    return image;
  }

  private static int widest(FontMetrics metrics, List<String> words) {
    return words.stream().mapToInt(metrics::stringWidth).max().orElse(0);
  }

  /** From white to {@link #FULL}. */
  private static Color shade(float share) {
    return new Color(
        Math.round(255 + (FULL.getRed() - 255) * share),
        Math.round(255 + (FULL.getGreen() - 255) * share),
        Math.round(255 + (FULL.getBlue() - 255) * share));
  }
}
