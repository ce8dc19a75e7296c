package dev.panaformer.model.decoder;

import dev.panaformer.kernel.memory.Buffer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.CrossAttention;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** An encoder and a decoder that attends to what it read: T5, BART and their kin. */
public record Seq2SeqModel(Seq2SeqConfig config, Transformer transformer) implements LanguageModel {
  private static final Buffer STATES = Buffer.named("encoded states of a source");
  private static final String QUERIES = "cross_attention_queries.";

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or misshapen
   */
  public static Seq2SeqModel load(Weights weights, Seq2SeqConfig config) {
    return new Seq2SeqModel(config, config.architecture().build(weights));
  }

  /**
   * Reads sources, once for all that will be generated from them.
   *
   * @param trace told {@code encoder_hidden_states.N} and {@code encoder_last_hidden_state}
   */
  public void encode(DecoderBatch sources, KvCache cache, Workspace workspace, Trace trace) {
    MemorySegment encoded =
        transformer.encode(sources, cache, workspace, trace.prefixed("encoder_"));
    if (trace != Trace.NONE) {
      // Storing keys and values has left it as it was.
      trace.accept(
          "encoder_last_hidden_state", encoded, sources.tokens().tokens(), config.hiddenSize());
    }
  }

  /**
   * Does the same with the states of any encoder.
   *
   * @param states {@code [tokens, hidden]} on the host
   * @param sources one token for each state
   */
  public void attend(float[] states, DecoderBatch sources, KvCache cache, Workspace workspace) {
    MemorySegment encoded = workspace.floats(STATES, states.length);
    kernels()
        .memory()
        .write(
            encoded,
            states.length,
            workspace,
            host -> MemorySegment.copy(states, 0, host, JAVA_FLOAT, 0, states.length));
    transformer.attend(encoded, sources, cache, workspace);
  }

  /** {@inheritDoc} The names begin with {@code decoder_}; each sequence has a source. */
  @Override
  public MemorySegment forward(
      DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    return transformer.decode(batch, cache, workspace, trace.prefixed("decoder_"));
  }

  /**
   * What each token of a target looks at in a source: the weights of all layers' cross-attention.
   *
   * @param target with its start token
   * @return {@code [layers][heads][target][source]}; the weights of a row add up to 1
   */
  public float[][][][] crossAttentions(int[] source, int[] target, Workspace workspace) {
    int longest = Math.max(source.length, target.length);
    try (KvCache cache =
            new KvCache(
                config.numLayers(),
                config.kvHeads(),
                config.headDim(),
                2,
                longest,
                kernels().memory());
        DecoderBatch sources = new DecoderBatch();
        DecoderBatch batch = new DecoderBatch()) {
      KvCache.Sequence read = cache.open();
      sources.add(read, source, 0, source.length);
      batch.add(cache.open(), read, target, 0, target.length);
      encode(sources, cache, workspace, Trace.NONE);
      float[][][][] weights = new float[config.numLayers()][][][];
      transformer.decode(
          batch,
          cache,
          workspace,
          (name, values, shape) -> {
            if (name.startsWith(QUERIES)) {
              int layer = Integer.parseInt(name.substring(QUERIES.length()));
              weights[layer] = weights(layer, values, target.length, cache, read, workspace);
            }
          });
      return weights;
    }
  }

  private float[][][] weights(
      int layer,
      MemorySegment queries,
      int tokens,
      KvCache cache,
      KvCache.Sequence source,
      Workspace workspace) {
    CrossAttention attention =
        transformer.decoder().orElseThrow().layers().get(layer).cross().orElseThrow().attention();
    int heads = attention.heads();
    int width = heads * cache.headDim();
    float[] asked = floats(queries, (long) tokens * width, workspace);
    KvCache.Layer cached = cache.layer(layer);
    MemorySegment memory = cached.memory();
    float[] kept = floats(memory, memory.byteSize() / Float.BYTES, workspace);
    float[][][] weights = new float[heads][tokens][];
    for (int h = 0; h < heads; h++) {
      for (int t = 0; t < tokens; t++) {
        double[] scores = new double[source.length()];
        for (int j = 0; j < scores.length; j++) {
          int query = t * width + h * cache.headDim();
          int key = Math.toIntExact(cached.key(source.slot(j), h));
          for (int d = 0; d < cache.headDim(); d++) {
            scores[j] += (double) asked[query + d] * kept[key + d];
          }
          scores[j] *= attention.scale();
        }
        weights[h][t] = softmax(scores);
      }
    }
    return weights;
  }

  private float[] floats(MemorySegment tensor, long count, Workspace workspace) {
    float[] floats = new float[Math.toIntExact(count)];
    MemorySegment host = kernels().memory().onHost(tensor, count, workspace);
    MemorySegment.copy(host, JAVA_FLOAT, 0, floats, 0, floats.length);
    return floats;
  }

  private static float[] softmax(double[] scores) {
    double max = Arrays.stream(scores).max().orElseThrow();
    double sum = Arrays.stream(scores).map(s -> Math.exp(s - max)).sum();
    float[] weights = new float[scores.length];
    for (int j = 0; j < weights.length; j++) {
      weights[j] = (float) (Math.exp(scores[j] - max) / sum);
    }
    return weights;
  }
}
