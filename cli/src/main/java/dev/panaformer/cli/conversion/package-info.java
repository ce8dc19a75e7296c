/**
 * Converts ONNX exports to folders in the layout of Hugging Face, among them the default model,
 * which is converted once into the user's cache.
 *
 * <p>It may import {@code checkpoint} and {@code tensor} of the library, and no other package of
 * this module.
 */
package dev.panaformer.cli.conversion;
