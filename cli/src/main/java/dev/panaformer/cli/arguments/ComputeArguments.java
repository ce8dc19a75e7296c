package dev.panaformer.cli.arguments;

import dev.panaformer.Backend;
import dev.panaformer.ComputeOptions;
import dev.panaformer.Device;
import dev.panaformer.ModelOptions;
import dev.panaformer.Precision;
import dev.panaformer.cli.terminal.UsageException;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Arguments that choose how to compute. Every command that evaluates a model has them. */
public final class ComputeArguments {
  @Option(
      names = "--backend",
      description = "auto, native, java, cuda or cuda-emulated. Default: ${DEFAULT-VALUE}.")
  private Backend backend = Backend.AUTO;

  @Option(
      names = "--device",
      paramLabel = "I",
      description = "The number of the GPU, from 0, for the backend cuda. Default: 0.")
  private int device;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "How many threads compute. Default: one for each core.")
  private int threads = ComputeOptions.DEFAULT.threads();

  @Option(
      names = "--precision",
      paramLabel = "P",
      converter = PrecisionName.class,
      description =
          "The precision of the weights: fp32, bf16, int8, int4 or int4-128."
              + " Default: fp32, or what the model was quantized to.")
  private Precision precision;

  /** Parses the name of a precision, such as {@code int4-128}, in upper or lower case. */
  public static final class PrecisionName implements ITypeConverter<Precision> {
    @Override
    public Precision convert(String name) {
      return Arrays.stream(Precision.values())
          .filter(precision -> precision.toString().equalsIgnoreCase(name))
          .findFirst()
          .orElseThrow(() ->
              new TypeConversionException(
                  "expected one of "
                      + Arrays.stream(Precision.values())
                          .map(Precision::toString)
                          .collect(Collectors.joining(", "))
                      + " but was '"
                      + name
                      + "'"));
    }
  }

  /** The precision, if one was asked for. */
  public Optional<Precision> precision() {
    return Optional.ofNullable(precision);
  }

  /**
   * The library's defaults with these arguments.
   *
   * @throws UsageException if one is out of range
   */
  public ModelOptions options() {
    return UsageException.unlessRefused(() ->
        ModelOptions.DEFAULT
            .withDevice(new Device(backend, device))
            .withThreads(threads)
            .withPrecision(precision().orElse(Precision.FP32)));
  }
}
