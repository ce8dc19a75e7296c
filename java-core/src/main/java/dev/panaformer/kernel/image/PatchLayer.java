package dev.panaformer.kernel.image;

import dev.panaformer.kernel.linear.LinearWeights;
import java.lang.foreign.MemorySegment;

/**
 * A linear layer that is applied to each patch of an image: {@code patch Wᵀ + bias + position}.
 *
 * @param grid the positions of the patches
 * @param weights W {@code [out, grid.values()]}, bias {@code [out]} or absent
 * @param positions {@code [patches, out]}, added to the patches of every image; may be absent
 */
public record PatchLayer(PatchGrid grid, LinearWeights weights, MemorySegment positions) {}
