/**
 * Decodes image files to upright pixels without transparency.
 *
 * <p>Exported. May import {@code threads}.
 */
package dev.panaformer.image;
