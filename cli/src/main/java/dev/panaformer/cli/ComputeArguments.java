package dev.panaformer.cli;

import dev.panaformer.ModelOptions;
import dev.panaformer.kernel.Backend;
import dev.panaformer.kernel.Device;
import dev.panaformer.kernel.linear.WeightFormat;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What computes, the same for every command. */
public final class ComputeArguments {
  @Option(
      names = "--backend",
      description = "auto, native, java, cuda or cuda-emulated. Default: ${DEFAULT-VALUE}.")
  private Backend backend = Backend.AUTO;

  @Option(
      names = "--device",
      paramLabel = "I",
      description = "Which GPU, with the backend cuda. Default: the first.")
  private int device;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute. Default: one for each core.")
  private int threads = ModelOptions.DEFAULT.threads();

  @Option(
      names = "--precision",
      paramLabel = "P",
      converter = PrecisionName.class,
      description =
          "What weights are kept in and computed with: fp32, bf16, int8, int4 or int4-128."
              + " Default: fp32, or what the model was quantized to.")
  private WeightFormat precision;

  /** A precision as it is written, {@code int4-128}, in whichever case. */
  static final class PrecisionName implements ITypeConverter<WeightFormat> {
    @Override
    public WeightFormat convert(String name) {
      return Arrays.stream(WeightFormat.values())
          .filter(precision -> precision.toString().equalsIgnoreCase(name))
          .findFirst()
          .orElseThrow(() ->
              new TypeConversionException(
                  "expected one of "
                      + Arrays.stream(WeightFormat.values())
                          .map(WeightFormat::toString)
                          .collect(Collectors.joining(", "))
                      + " but was '"
                      + name
                      + "'"));
    }
  }

  /** The precision, if one was asked for. */
  Optional<WeightFormat> precision() {
    return Optional.ofNullable(precision);
  }

  /** The library's defaults with these arguments. */
  public ModelOptions options() {
    return ModelOptions.DEFAULT
        .withDevice(new Device(backend, device))
        .withThreads(threads)
        .withPrecision(precision().orElse(WeightFormat.FP32));
  }
}
