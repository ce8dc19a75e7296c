/**
 * Decodes image files to upright pixels without transparency.
 *
 * <p>Exported. Imports no other package of the library.
 */
package dev.panaformer.image;
