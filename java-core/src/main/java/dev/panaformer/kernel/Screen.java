package dev.panaformer.kernel;

import static dev.panaformer.bindings.panaformer_h.PF_MAX_SCREENED_TOKENS;

import java.lang.foreign.MemorySegment;

/**
 * The weight of a head once more, in 8 bits and with bounds on the error of that: {@link
 * Kernels#linearBest} learns from it which logits need not be computed. It changes no result.
 *
 * @param segment as {@code pf_screen_pack} wrote it
 * @param out output features of the weight
 * @param in input features of the weight
 */
public record Screen(MemorySegment segment, long out, long in) {
  /** Tokens of a call up to which it is used. */
  public static final int MAX_TOKENS = PF_MAX_SCREENED_TOKENS();
}
