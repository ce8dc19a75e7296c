/**
 * Patches, convolutions and resizing of images.
 *
 * <p>It may import {@code kernel.linear}, {@code kernel.engine}, {@code kernel.memory} and the
 * bindings.
 */
package dev.panaformer.kernel.image;
