/**
 * What users call: one class for each task ({@link dev.panaformer.TextEmbedder}, {@link
 * dev.panaformer.CausalLM}, ...), its options and its results, and the words that all of them use:
 * {@link dev.panaformer.ComputeOptions}, {@link dev.panaformer.Device}, {@link
 * dev.panaformer.Backend}, {@link dev.panaformer.Precision}. All models are {@link
 * dev.panaformer.Model}s, which says how threads may use them.
 *
 * <p>A task class contains only what its task is; loading, leases and closing are {@code runtime}.
 *
 * <p>Exported. May import every package of the library except {@code bindings}; no package may
 * import it.
 */
package dev.panaformer;
