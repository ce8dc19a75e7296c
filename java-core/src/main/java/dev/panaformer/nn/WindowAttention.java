package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.image.ImageShape;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;

/**
 * Attention of Swin within square windows of a feature map. In every second layer the windows are
 * shifted by half their size (Liu et al. 2021).
 *
 * <p>The first norm also reorders tokens by window, and the residual addition restores their order.
 * So the reordering needs no extra pass over memory. Between the two, every window is a sequence.
 *
 * <p>After a cyclic shift, windows on the lower and the right border contain tokens that were not
 * neighbours, which must not attend to each other. The mask depends only on the border, so there
 * are four kinds of windows. All windows of a kind share one bias, which is the sum of the relative
 * position bias and the mask.
 *
 * @param qkv {@code [3 heads headDim, hidden]}
 * @param output {@code [hidden, heads headDim]}
 * @param window the side of a window, in tokens
 * @param bias {@code [kinds, heads, window², window²]}
 */
public record WindowAttention(
    LayerNorm norm,
    Linear qkv,
    Linear output,
    int heads,
    int headDim,
    int window,
    MemorySegment bias) {
  private static final Buffer IN_WINDOWS = Buffer.named("hidden states in the order of windows");
  private static final Buffer QKV = Buffer.named("queries, keys, values of windows");
  private static final Buffer CONTEXT = Buffer.named("context of windows");
  private static final Reused<RowOrder> ORDER = Reused.of(RowOrder::new);
  private static final Reused<SequenceLengths> LENGTHS = Reused.of(SequenceLengths::new);

  /** Added to the scores of tokens that must not attend to each other. */
  private static final float HIDDEN = -100;

  /**
   * The number of kinds of windows. Bit 1 of a kind: the window is at the lower border. Bit 0: it
   * is at the right border.
   */
  private static final int KINDS = 4;

  /** The number of elements of the bias. */
  public static long biasFloats(int heads, int window) {
    return (long) KINDS * heads * window * window * window * window;
  }

  /**
   * Computes the bias of each pair of tokens for each kind of window: the relative position bias
   * plus the mask.
   *
   * @param table relative position biases, {@code [(2 window - 1)², heads]}
   * @param y {@link #biasFloats} floats
   */
  public static void fillBias(float[] table, int heads, int window, MemorySegment y) {
    int area = window * window;
    int shift = window / 2;
    long at = 0;
    for (int kind = 0; kind < KINDS; kind++) {
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < area; i++) {
          for (int j = 0; j < area; j++) {
            int down = i / window - j / window + window - 1;
            int right = i % window - j % window + window - 1;
            float value = table[(down * (2 * window - 1) + right) * heads + h];
            boolean apart = region(i, kind, window, shift) != region(j, kind, window, shift);
            y.setAtIndex(JAVA_FLOAT, at++, apart ? value + HIDDEN : value);
          }
        }
      }
    }
  }

  /**
   * The region of a token in a window. Tokens of the same region were neighbours before the shift.
   */
  private static int region(int place, int kind, int window, int shift) {
    boolean wrappedDown = (kind & 2) != 0 && place / window >= window - shift;
    boolean wrappedRight = (kind & 1) != 0 && place % window >= window - shift;
    return (wrappedDown ? 2 : 0) + (wrappedRight ? 1 : 0);
  }

  /**
   * {@code y = x + attention(norm(x))}.
   *
   * @param x {@code [images, height, width, hidden]}
   * @param y the shape of x; must not overlap x
   * @param shape of x
   * @param shifted whether windows are shifted down and to the right by half their size
   */
  public void forward(
      Pass pass, MemorySegment x, MemorySegment y, ImageShape shape, boolean shifted) {
    Workspace workspace = pass.workspace();
    Windows windows = Windows.of(shape, window, shifted ? window / 2 : 0);
    long hidden = output.out();
    int rows = windows.rows();
    RowOrder order = workspace.reused(ORDER);
    MemorySegment inWindows = pass.floats(IN_WINDOWS, rows * hidden);
    MemorySegment projected = pass.floats(QKV, rows * qkv.out());
    MemorySegment context = pass.floats(CONTEXT, rows * output.in());
    windows.fill(order);
    pass.kernels()
        .embedding()
        .gather(x, MemorySegment.NULL, norm.weights(), order, inWindows, workspace);
    windows.clearPadding(pass.kernels(), inWindows, hidden);
    qkv.forward(pass, inWindows, projected, rows);
    for (int kind = 0; kind < KINDS; kind++) {
      attend(pass, projected, context, windows, kind);
    }
    output.forward(pass, context, inWindows, rows);
    windows.fillInverse(order);
    pass.kernels()
        .embedding()
        .gather(inWindows, x, NormWeights.absent(hidden), order, y, workspace);
  }

  private void attend(
      Pass pass, MemorySegment projected, MemorySegment context, Windows windows, int kind) {
    int sequences = windows.count(kind);
    if (sequences == 0) {
      return;
    }
    int area = window * window;
    long first = windows.first(kind);
    long tokens = (long) sequences * area;
    long row = qkv.out();
    long queries = output.in();
    long start = first * row;
    MemorySegment lengths = pass.workspace().reused(LENGTHS).equal(sequences, area).cumulative();
    MemorySegment kindBias = bias.asSlice((long) kind * heads * area * area * Float.BYTES);
    Attention attention =
        Attention.in(pass.workspace())
            .of(heads, heads, headDim, (float) (1 / Math.sqrt(headDim)))
            .query(projected, start, row, headDim, lengths, tokens)
            .keys(
                projected,
                start + queries,
                projected,
                start + 2 * queries,
                row,
                headDim,
                lengths,
                tokens)
            .output(context.asSlice(first * queries * Float.BYTES), queries, headDim)
            .bias(kindBias, 0, (long) area * area, area)
            .sequences(sequences);
    pass.kernels().attention().attention(attention, pass.workspace());
  }

  /**
   * The order of tokens by window. The map is padded to whole windows. Rows are ordered by kind,
   * then by image, then by window.
   */
  private record Windows(
      int images, int height, int width, int window, int shift, int down, int across) {

    static Windows of(ImageShape shape, int window, int shift) {
      int images = Math.toIntExact(shape.images());
      int height = Math.toIntExact(shape.height());
      int width = Math.toIntExact(shape.width());
      int down = Math.ceilDiv(height, window);
      int across = Math.ceilDiv(width, window);
      return new Windows(images, height, width, window, shift, down, across);
    }

    int rows() {
      return Math.multiplyExact(images * down * across, window * window);
    }

    /**
     * The number of windows of a kind from top to bottom. Without a shift, all windows are of kind
     * 0.
     */
    private int down(int kind) {
      if (shift == 0) {
        return kind == 0 ? down : 0;
      }
      return (kind & 2) != 0 ? 1 : down - 1;
    }

    private int across(int kind) {
      if (shift == 0) {
        return kind == 0 ? across : 0;
      }
      return (kind & 1) != 0 ? 1 : across - 1;
    }

    int count(int kind) {
      return images * down(kind) * across(kind);
    }

    /** The first row of a kind. */
    int first(int kind) {
      int first = 0;
      for (int k = 0; k < kind; k++) {
        first += count(k) * window * window;
      }
      return first;
    }

    /** Converts a shifted coordinate to a coordinate of the map. */
    private static int unshifted(int place, int shift, int size) {
      return place + shift < size ? place + shift : place + shift - size;
    }

    private interface Places {
      /**
       * @param token of the map, or -1 for padding
       */
      void accept(int row, int token);
    }

    private void forEach(Places places) {
      int row = 0;
      int area = window * window;
      for (int kind = 0; kind < KINDS; kind++) {
        int firstDown = (kind & 2) != 0 ? down - 1 : 0;
        int firstAcross = (kind & 1) != 0 ? across - 1 : 0;
        for (int at = 0; at < count(kind); at++) {
          int image = at / (down(kind) * across(kind));
          int top = (firstDown + at / across(kind) % down(kind)) * window;
          int left = (firstAcross + at % across(kind)) * window;
          for (int i = 0; i < area; i++, row++) {
            int y = unshifted(top + i / window, shift, down * window);
            int x = unshifted(left + i % window, shift, across * window);
            boolean inside = y < height && x < width;
            places.accept(row, inside ? (image * height + y) * width + x : -1);
          }
        }
      }
    }

    /**
     * Fills the order that gathers tokens of the map by window. A padded row gathers an arbitrary
     * token and is cleared later.
     */
    void fill(RowOrder order) {
      order.clear();
      forEach((row, token) -> order.add(Math.max(token, 0)));
    }

    void clearPadding(Kernels kernels, MemorySegment windows, long hidden) {
      if (down * window == height && across * window == width) {
        return;
      }
      forEach((row, token) -> {
        if (token < 0) {
          kernels.memory().clear(windows, row * hidden, hidden);
        }
      });
    }

    /** Fills the order that gathers rows of windows back to the tokens of the map. */
    void fillInverse(RowOrder order) {
      order.clear();
      int area = window * window;
      for (int token = 0; token < images * height * width; token++) {
        int image = token / width / height;
        int y = unshifted(token / width % height, -shift + down * window, down * window);
        int x = unshifted(token % width, -shift + across * window, across * window);
        boolean bottom = shift > 0 && y / window == down - 1;
        boolean right = shift > 0 && x / window == across - 1;
        int kind = (bottom ? 2 : 0) + (right ? 1 : 0);
        int windowDown = bottom ? 0 : y / window;
        int windowAcross = right ? 0 : x / window;
        int at = (image * down(kind) + windowDown) * across(kind) + windowAcross;
        int row = first(kind) + at * area + y % window * window + x % window;
        order.add(row, token);
      }
    }
  }
}
