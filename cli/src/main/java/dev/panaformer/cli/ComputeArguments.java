package dev.panaformer.cli;

import dev.panaformer.ModelOptions;
import dev.panaformer.kernel.Backend;
import dev.panaformer.kernel.Device;
import picocli.CommandLine.Option;

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

  /** The library's defaults with these arguments. */
  public ModelOptions options() {
    return ModelOptions.DEFAULT.withDevice(new Device(backend, device)).withThreads(threads);
  }
}
