/**
 * The users' API. There is one class for each task ({@link dev.panaformer.TextEmbedder}, {@link
 * dev.panaformer.CausalLM}, ...) with its options and results. All of them share {@link
 * dev.panaformer.ComputeOptions}, {@link dev.panaformer.Device}, {@link dev.panaformer.Backend} and
 * {@link dev.panaformer.Precision}. All models implement {@link dev.panaformer.Model}, which
 * describes their thread safety.
 *
 * <p>A task class contains only the logic of its task. Loading, workspace leases and closing are in
 * {@code runtime}.
 *
 * <p>Exported. May import every package of the library except {@code bindings}; no package may
 * import it.
 */
package dev.panaformer;
