package dev.panaformer.kernel.attention;

/**
 * The heads that rotary position embedding turns. Feature {@code f} of head {@code h} of token
 * {@code t} lies at {@code t * tokenStride + h * headStride + f}, in floats.
 *
 * @param tables the angles
 */
public record Rotation(RotaryTables tables, long heads, long tokenStride, long headStride) {
  /**
   * The queries and keys of tensors {@code [tokens, (heads + 2 kvHeads) * headDim]}, where they lie
   * side by side, head by head.
   */
  public static Rotation ofPacked(RotaryTables tables, long heads, long kvHeads, long headDim) {
    return new Rotation(tables, heads + kvHeads, (heads + 2 * kvHeads) * headDim, headDim);
  }
}
