package dev.panaformer.kernel.norm;

import static dev.panaformer.bindings.panaformer_h.pf_layer_norm;
import static dev.panaformer.bindings.panaformer_h.pf_rms_norm;
import static dev.panaformer.bindings.panaformer_h.pf_softmax;
import static dev.panaformer.kernel.engine.NativeEngine.check;

import dev.panaformer.kernel.engine.NativeEngine;
import java.lang.foreign.MemorySegment;

/** {@link NormKernels} of the native library. */
final class NativeNorm implements NormKernels {
  private final NativeEngine engine;

  NativeNorm(NativeEngine engine) {
    this.engine = engine;
  }

  @Override
  public void layerNorm(
      MemorySegment x, MemorySegment residual, NormWeights w, MemorySegment y, long rows) {
    NormArguments.layerNorm(x, residual, w, y, rows);
    engine.requireWritable("layerNorm", "y", y);
    check(
        "layerNorm",
        pf_layer_norm(
            engine.pointer(),
            engine.argument(x),
            engine.argument(residual),
            engine.argument(w.weight()),
            engine.argument(w.bias()),
            engine.argument(y),
            rows,
            w.hidden(),
            w.eps()));
  }

  @Override
  public void rmsNorm(
      MemorySegment x, MemorySegment residual, NormWeights w, MemorySegment y, long rows) {
    NormArguments.rmsNorm(x, residual, w, y, rows);
    engine.requireWritable("rmsNorm", "y", y);
    check(
        "rmsNorm",
        pf_rms_norm(
            engine.pointer(),
            engine.argument(x),
            engine.argument(residual),
            engine.argument(w.weight()),
            engine.argument(y),
            rows,
            w.hidden(),
            w.eps()));
  }

  @Override
  public void softmax(MemorySegment x, MemorySegment y, long rows, long columns) {
    NormArguments.softmax(x, y, rows, columns);
    engine.requireWritable("softmax", "y", y);
    check(
        "softmax",
        pf_softmax(engine.pointer(), engine.argument(x), engine.argument(y), rows, columns));
  }
}
