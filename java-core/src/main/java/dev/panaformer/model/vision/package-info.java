/**
 * Models of images and their heads: ViT, DeiT, YOLOS, Swin, SegFormer.
 *
 * <p>Not exported. It may import {@code dev.panaformer.model} and everything that {@code
 * dev.panaformer.model} may import.
 */
package dev.panaformer.model.vision;
