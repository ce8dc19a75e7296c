package dev.panaformer.kernel.decoding;

import dev.panaformer.kernel.memory.Limits;
import java.lang.foreign.MemorySegment;

/**
 * A copy of a head's weight in 8 bits, with bounds on its rounding errors. {@link
 * DecodingKernels#linearBest} uses it to skip logits that cannot be among the best. It changes no
 * result.
 *
 * @param segment as {@code pf_screen_pack} wrote it
 * @param out output features of the weight
 * @param in input features of the weight
 */
public record Screen(MemorySegment segment, long out, long in) {
  /** The most rows of a call for which it is used. */
  public static final int MAX_ROWS = Limits.MAX_SCREENED_ROWS;
}
