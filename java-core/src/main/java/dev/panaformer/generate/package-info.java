/**
 * The users' API of text generation: options, a running generation, its result, and exceptions.
 *
 * <p>Exported. Imports no other package of the library. Its sub-packages, which contain the
 * implementation, import it.
 */
package dev.panaformer.generate;
