package dev.panaformer.kernel.decoding;

import java.lang.foreign.MemorySegment;

/**
 * Where the largest elements of rows go, in host memory: in descending order, equal ones by
 * ascending column.
 *
 * @param values float32 {@code [rows, count]}; NaN throughout a row that contains NaN
 * @param ids int32 {@code [rows, count]}, their columns; -1 throughout such a row
 * @param logSumExp float32 {@code [rows]}, over all columns, of the row times its inverse
 *     temperature; absent where a kernel does not compute it
 * @param count elements of each row
 */
public record TopK(MemorySegment values, MemorySegment ids, MemorySegment logSumExp, long count) {}
