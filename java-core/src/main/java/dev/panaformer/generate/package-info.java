/**
 * The users' API of text generation: options, a running generation, its result, and exceptions.
 *
 * <p>{@link dev.panaformer.generate.GenerationResult} is an interface, because what is reported of
 * a generation may grow. {@link dev.panaformer.generate.GeneratedToken} and {@link
 * dev.panaformer.generate.RankedText} are records whose components do not change; more about a
 * token or a text would be a type of its own.
 *
 * <p>Exported. Imports no other package of the library. Its sub-packages, which contain the
 * implementation, import it.
 */
package dev.panaformer.generate;
