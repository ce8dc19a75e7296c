package dev.panaformer.kernel.attention;

/**
 * The heads to which rotary position embedding is applied. Feature {@code f} of head {@code h} of
 * token {@code t} is at {@code t * tokenStride + h * headStride + f}, in floats.
 *
 * @param tables the cosines and sines of the angles
 * @param heads the number of heads
 */
public record Rotation(RotaryTables tables, long heads, long tokenStride, long headStride) {
  /**
   * Returns the heads of queries and keys in a tensor {@code [tokens, (heads + 2 kvHeads) *
   * headDim]} that holds queries, then keys, then values.
   */
  public static Rotation ofPacked(RotaryTables tables, long heads, long kvHeads, long headDim) {
    return new Rotation(tables, heads + kvHeads, (heads + 2 * kvHeads) * headDim, headDim);
  }
}
