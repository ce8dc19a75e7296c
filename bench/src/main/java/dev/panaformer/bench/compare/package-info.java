/**
 * Comparisons of whole models and of attention, each with a {@code main} that {@code ./panaformer
 * bench} runs. All sides take turns in one JVM, as {@link dev.panaformer.bench.compare.Rounds}
 * times them.
 *
 * <p>It may import every other package of this module.
 */
package dev.panaformer.bench.compare;
