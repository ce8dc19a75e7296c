package dev.panaformer.kernel.decoding;

import java.lang.foreign.MemorySegment;

/**
 * The output of a search for the largest elements of rows, in host memory. The elements of a row
 * are in descending order, equal ones by ascending column.
 *
 * @param values float32 {@code [rows, count]}; all NaN for a row that contains NaN
 * @param ids int32 {@code [rows, count]}, the columns of the elements; all -1 for such a row
 * @param logSumExp float32 {@code [rows]}: the logarithm of the sum of exponentials over all
 *     columns of the row times its inverse temperature. Absent for kernels that do not compute it.
 * @param count the number of elements for each row
 */
public record TopK(MemorySegment values, MemorySegment ids, MemorySegment logSumExp, long count) {}
