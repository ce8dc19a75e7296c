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
 * <p>Compatibility: options are final classes with a builder, so that a new option breaks no
 * compiled caller. Results are records while what they say is complete ({@link
 * dev.panaformer.Label}, {@link dev.panaformer.Detection}, {@link dev.panaformer.TextScore}, ...):
 * their components do not change, and what can be derived of them is added as a method. A result
 * whose contents may grow is an interface ({@link dev.panaformer.generate.GenerationResult}).
 *
 * <p>Exported. May import every package of the library except {@code bindings}; no package may
 * import it.
 */
package dev.panaformer;
