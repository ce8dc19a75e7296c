/**
 * Training objectives of encoder-decoders: corrupted texts and their targets.
 *
 * <p>An objective is a record of the parameters that its paper names, which do not change.
 *
 * <p>Exported. Imports no other package of the library.
 */
package dev.panaformer.objective;
