package dev.panaformer.runtime;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.linear.WeightFormat;
import java.util.function.Supplier;

/**
 * How a model is computed.
 *
 * @param kernels opens the kernels, which the runtime then owns
 * @param weightFormat the format that weights are packed in
 */
public record ComputeSettings(Supplier<Kernels> kernels, WeightFormat weightFormat) {}
