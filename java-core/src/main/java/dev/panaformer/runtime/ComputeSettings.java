package dev.panaformer.runtime;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.linear.WeightFormat;
import java.util.function.Supplier;

/**
 * The kernels and the weight format that a model is loaded with.
 *
 * @param kernels opens the kernels; the runtime owns them and closes them
 * @param weightFormat the format in which weights are packed
 */
public record ComputeSettings(Supplier<Kernels> kernels, WeightFormat weightFormat) {}
