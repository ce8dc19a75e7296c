package dev.panaformer.cli.arguments;

import dev.panaformer.Backend;
import dev.panaformer.ComputeOptions;
import dev.panaformer.Device;
import dev.panaformer.ModelOptions;
import dev.panaformer.Precision;
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
  private int threads = ComputeOptions.DEFAULT.threads();

  @Option(
      names = "--precision",
      paramLabel = "P",
      converter = PrecisionName.class,
      description =
          "What weights are kept in and computed with: fp32, bf16, int8, int4 or int4-128."
              + " Default: fp32, or what the model was quantized to.")
  private Precision precision;

  /** A precision as it is written, {@code int4-128}, in whichever case. */
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

  /** The library's defaults with these arguments. */
  public ModelOptions options() {
    return ModelOptions.DEFAULT
        .withDevice(new Device(backend, device))
        .withThreads(threads)
        .withPrecision(precision().orElse(Precision.FP32));
  }
}
