package dev.panaformer.kernel;

import java.lang.foreign.MemorySegment;

/**
 * Cosines and sines of rotary position embedding (Su et al. 2021).
 *
 * @param cos {@code [positions, rotaryDim / 2]}
 * @param sin {@code [positions, rotaryDim / 2]}
 * @param rotaryDim features of a head that turn, even
 */
public record RotaryTables(MemorySegment cos, MemorySegment sin, long positions, long rotaryDim) {}
