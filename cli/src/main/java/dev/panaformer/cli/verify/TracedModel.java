package dev.panaformer.cli.verify;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.ModelConfig;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/**
 * Evaluates the model of a case and collects everything that it reports to its trace.
 *
 * @param weights the weights of the checkpoint, from which the model is loaded
 * @param memory owns the weights; inputs may be placed there too
 * @param trace collects the outputs
 */
record TracedModel(Weights weights, NativeMemory memory, Workspace workspace, Trace trace) {

  /** An output without padding, as the trace receives it: {@code [tokens or sequences, …]}. */
  record Output(long[] shape, float[] values) {}

  /** Loads a model and runs its forward pass. */
  interface Evaluation {
    void run(TracedModel model);
  }

  /**
   * Opens the weights, the memory and a workspace for one evaluation, and closes them after it.
   *
   * @return the outputs in host memory, by name; the caller may add to them
   */
  static Map<String, Output> outputs(
      Backends backends, ModelFolder folder, ModelConfig config, Evaluation evaluation) {
    Kernels kernels = backends.kernels();
    Map<String, Output> outputs = new HashMap<>();
    try (NativeMemory memory = kernels.memory().allocator(new NativeMemory());
        Checkpoint checkpoint = folder.openWeights();
        Weights weights =
            new Weights(
                checkpoint,
                kernels,
                memory,
                config.weightNames(),
                backends.options().compute().precision().weightFormat());
        Workspace workspace = new Workspace(kernels.memory())) {
      Trace trace =
          (name, values, shape) ->
              outputs.put(name, new Output(shape, read(kernels, values, shape, workspace)));
      evaluation.run(new TracedModel(weights, memory, workspace, trace));
    }
    return outputs;
  }

  /** Copies a tensor to the heap, from host or device memory. */
  static float[] read(Kernels kernels, MemorySegment tensor, long[] shape, Workspace workspace) {
    float[] copy = new float[Math.toIntExact(Tensor.elements(shape))];
    MemorySegment values = kernels.memory().onHost(tensor, copy.length, workspace);
    MemorySegment.copy(values, JAVA_FLOAT, 0, copy, 0, copy.length);
    return copy;
  }
}
