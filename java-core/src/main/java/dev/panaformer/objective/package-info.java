/**
 * Training objectives of encoder-decoders: corrupted texts and their targets.
 *
 * <p>Exported. Imports no other package of the library.
 */
package dev.panaformer.objective;
