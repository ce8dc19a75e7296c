package dev.panaformer.kernel.decoding;

import dev.panaformer.kernel.memory.Limits;
import java.lang.foreign.MemorySegment;

/**
 * A copy of an output head's weight in 8 bits with bounds on its rounding errors. {@link
 * DecodingKernels#linearBest} uses it to skip logits that cannot be among the largest. It changes
 * no result.
 *
 * @param segment the bytes that {@code pf_screen_pack} wrote
 * @param out the number of output features of the weight
 * @param in the number of input features of the weight
 */
public record Screen(MemorySegment segment, long out, long in) {
  /** The largest number of rows for which a call uses the screen. */
  public static final int MAX_ROWS = Limits.MAX_SCREENED_ROWS;
}
