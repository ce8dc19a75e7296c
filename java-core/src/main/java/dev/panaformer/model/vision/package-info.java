/**
 * Models of images and their heads: ViT and kin, Swin, YOLOS, SegFormer.
 *
 * <p>Not exported. May import what {@code dev.panaformer.model} may, and that package.
 */
package dev.panaformer.model.vision;
