package dev.panaformer.kernel.image;

import dev.panaformer.kernel.linear.LinearWeights;
import java.lang.foreign.MemorySegment;

/**
 * A linear layer over the patches of images: {@code patch Wᵀ + bias + position}.
 *
 * @param grid where the patches lie
 * @param weights {@code [out, values of a patch]}
 * @param positions {@code [patches, out]}, added to the patches of every image; may be absent
 */
public record PatchLayer(PatchGrid grid, LinearWeights weights, MemorySegment positions) {}
