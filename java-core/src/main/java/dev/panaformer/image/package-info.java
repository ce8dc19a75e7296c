/**
 * Images: files to pixels, upright and without transparency.
 *
 * <p>Exported. Imports no other package of the library.
 */
package dev.panaformer.image;
