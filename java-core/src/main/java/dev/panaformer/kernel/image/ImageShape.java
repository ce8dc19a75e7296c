package dev.panaformer.kernel.image;

/** The shape of a tensor of images, {@code [images, height, width, channels]}. */
public record ImageShape(long images, long height, long width, long channels) {}
