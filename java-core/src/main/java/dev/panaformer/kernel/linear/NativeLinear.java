package dev.panaformer.kernel.linear;

import static dev.panaformer.bindings.panaformer_h.*;
import static dev.panaformer.kernel.engine.NativeEngine.check;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.panaformer.bindings.pf_ffn_params;
import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.GrowableBuffer;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** {@link LinearKernels} of the native library. */
final class NativeLinear implements LinearKernels {
  private final NativeEngine engine;

  NativeLinear(NativeEngine engine) {
    this.engine = engine;
  }

  @Override
  public void linear(
      MemorySegment x,
      LinearWeights weights,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Activation activation) {
    LinearArguments.linear(x, weights, residual, y, rows);
    engine.requireWritable("linear", "y", y);
    if (weights.weight().format() == WeightFormat.FP32) {
      linear(x, weights, residual, y, rows, activation, MemorySegment.NULL);
      return;
    }
    GrowableBuffer buffer = engine.leaseScratch();
    try {
      MemorySegment bytes = buffer.ensure(JAVA_LONG.byteSize());
      int format = weights.weight().format().value();
      check(
          "linear", pf_linear_workspace_size(engine.pointer(), rows, weights.in(), format, bytes));
      MemorySegment scratch = buffer.ensure(bytes.get(JAVA_LONG, 0));
      linear(x, weights, residual, y, rows, activation, scratch);
    } finally {
      engine.releaseScratch(buffer);
    }
  }

  private void linear(
      MemorySegment x,
      LinearWeights weights,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Activation activation,
      MemorySegment scratch) {
    int status =
        pf_linear(
            engine.pointer(),
            engine.argument(x),
            engine.argument(weights.weight().segment()),
            engine.argument(weights.bias()),
            engine.argument(residual),
            engine.argument(y),
            rows,
            weights.out(),
            weights.in(),
            activation.value(),
            scratch,
            scratch.byteSize());
    PackedWeightStatus.check("linear", status, weights.weight());
  }

  @Override
  public void feedForward(
      MemorySegment x,
      FeedForwardWeights weights,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Workspace workspace) {
    LinearArguments.feedForward(x, weights, residual, y, rows);
    engine.requireWritable("feedForward", "y", y);
    MemorySegment params = workspace.parameters();
    long hidden = weights.up().in();
    long intermediate = weights.up().out();
    check(
        "feedForward", pf_ffn_workspace_size(engine.pointer(), rows, hidden, intermediate, params));
    MemorySegment scratch = workspace.scratch(params.get(JAVA_LONG, 0));
    storeWeights(params, weights);
    pf_ffn_params.x(params, x);
    pf_ffn_params.residual(params, residual);
    pf_ffn_params.y(params, y);
    pf_ffn_params.tokens(params, rows);
    pf_ffn_params.workspace(params, scratch);
    pf_ffn_params.workspace_bytes(params, scratch.byteSize());
    PackedWeightStatus.check(
        "feedForward", pf_ffn(engine.pointer(), params), weights.up().weight());
  }

  private static void storeWeights(MemorySegment params, FeedForwardWeights w) {
    boolean gated = w.gate().isPresent();
    pf_ffn_params.gate(params, gated ? w.gate().get().weight().segment() : MemorySegment.NULL);
    pf_ffn_params.gate_bias(params, gated ? w.gate().get().bias() : MemorySegment.NULL);
    pf_ffn_params.up(params, w.up().weight().segment());
    pf_ffn_params.up_bias(params, w.up().bias());
    pf_ffn_params.down(params, w.down().weight().segment());
    pf_ffn_params.down_bias(params, w.down().bias());
    pf_ffn_params.hidden(params, w.up().in());
    pf_ffn_params.intermediate(params, w.up().out());
    pf_ffn_params.activation(params, w.activation().value());
  }

  @Override
  public void activate(MemorySegment x, MemorySegment y, long count, Activation activation) {
    LinearArguments.activate(x, y, count);
    engine.requireWritable("activate", "y", y);
    check(
        "activate",
        pf_activate(
            engine.pointer(), engine.argument(x), engine.argument(y), count, activation.value()));
  }
}
