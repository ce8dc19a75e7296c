package dev.panaformer.bench.peer;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import dev.panaformer.bench.model.Seq2SeqShape;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The peer ONNX Runtime with an encoder and a decoder; the keys and values that one run of the
 * decoder outputs are inputs of the next run. The graph chooses the best token of each beam. The
 * peer does not rank beams and does not reorder their caches, so it does less work.
 */
public final class OnnxRuntimeSeq2Seq implements AutoCloseable {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final Seq2SeqShape shape;
  private final OrtSession encoder;
  private final OrtSession decoder;

  public OnnxRuntimeSeq2Seq(Seq2SeqShape shape, Path encoder, Path decoder, int threads)
      throws OrtException {
    this.shape = shape;
    this.encoder = open(encoder, threads);
    this.decoder = open(decoder, threads);
  }

  private OrtSession open(Path folder, int threads) throws OrtException {
    try (SessionOptions options = new SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setOptimizationLevel(SessionOptions.OptLevel.ALL_OPT);
      options.addConfigEntry("session.set_denormal_as_zero", "1");
      return environment.createSession(folder.resolve("model.onnx").toString(), options);
    }
  }

  /**
   * Reads a source and generates a target.
   *
   * @return the seconds up to the first token, and the seconds of the whole call
   */
  public double[] generate(int[] source, int beams, int newTokens) throws OrtException {
    long begin = System.nanoTime();
    long first = begin;
    long[] ids = new long[source.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = source[i];
    }
    OrtSession.Result past = null;
    try (OnnxTensor sourceIds = ids(1, ids);
        OrtSession.Result read = encoder.run(Map.of("ids", sourceIds))) {
      long[] next = new long[beams];
      for (int i = 0; i < newTokens; i++) {
        OrtSession.Result result = step(next, read, past);
        ((OnnxTensor) result.get("next").orElseThrow()).getLongBuffer().get(next);
        if (past != null) {
          past.close();
        }
        past = result;
        first = i == 0 ? System.nanoTime() : first;
      }
    } finally {
      if (past != null) {
        past.close();
      }
    }
    return new double[] {(first - begin) * 1e-9, (System.nanoTime() - begin) * 1e-9};
  }

  private OrtSession.Result step(long[] ids, OrtSession.Result read, OrtSession.Result past)
      throws OrtException {
    Map<String, OnnxTensorLike> inputs = new HashMap<>();
    Map<String, OnnxTensor> own = new HashMap<>();
    try {
      own.put("ids", ids(ids.length, ids));
      for (int i = 0; i < shape.layers(); i++) {
        for (String part : new String[] {i + ".key", i + ".value"}) {
          inputs.put("cross." + part, (OnnxTensor) read.get("cross." + part).orElseThrow());
          if (past == null) {
            long[] empty = {ids.length, shape.heads(), 0, shape.headDim()};
            own.put(
                "past." + part,
                OnnxTensor.createTensor(environment, FloatBuffer.allocate(0), empty));
          } else {
            inputs.put("past." + part, (OnnxTensor) past.get("present." + part).orElseThrow());
          }
        }
      }
      inputs.putAll(own);
      return decoder.run(inputs);
    } finally {
      own.values().forEach(OnnxTensor::close);
    }
  }

  private OnnxTensor ids(int rows, long[] values) throws OrtException {
    long[] shape = {rows, values.length / rows};
    return OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape);
  }

  @Override
  public void close() throws OrtException {
    encoder.close();
    decoder.close();
  }
}
