package dev.panaformer.model.decoder;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.CrossAttention;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * An encoder-decoder model, such as T5 or BART. The decoder attends to the hidden states of the
 * encoder.
 */
public record Seq2SeqModel(Seq2SeqConfig config, Transformer transformer) implements LanguageModel {
  private static final Buffer STATES = Buffer.named("encoded states of a source");
  private static final String QUERIES = "cross_attention_queries.";

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has another
   *     shape
   */
  public static Seq2SeqModel load(Weights weights, Seq2SeqConfig config) {
    return new Seq2SeqModel(config, config.architecture().build(weights));
  }

  /**
   * Encodes source texts and stores their keys and values for cross-attention in the cache. One
   * call serves all texts that are generated from these sources.
   *
   * @param trace receives {@code encoder_hidden_states.N} and {@code encoder_last_hidden_state}
   */
  public void encode(DecoderBatch sources, KvCache cache, Workspace workspace, Trace trace) {
    MemorySegment encoded =
        transformer.encode(sources, cache, workspace, trace.prefixed("encoder_"));
    if (trace != Trace.NONE) {
      // The hidden states are still intact: storing keys and values only reads them.
      trace.accept(
          "encoder_last_hidden_state", encoded, sources.tokens().tokens(), config.hiddenSize());
    }
  }

  /**
   * Stores keys and values for cross-attention in the cache, as {@link #encode} does, from the
   * hidden states of any encoder.
   *
   * @param states {@code [tokens, hidden]} in row-major order
   * @param sources one token for each row of the hidden states
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

  /**
   * {@inheritDoc} The names in the trace begin with {@code decoder_}. Each sequence of the batch
   * needs an encoded source.
   */
  @Override
  public MemorySegment forward(
      DecoderBatch batch, KvCache cache, Workspace workspace, Trace trace) {
    return transformer.decode(batch, cache, workspace, trace.prefixed("decoder_"));
  }

  /**
   * The weights of cross-attention of all layers. They show how much each token of the target
   * attends to each token of the source.
   *
   * @param target the target text with its start token
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
      KvCache.Sequence encoded = cache.open();
      sources.add(encoded, source, 0, source.length);
      batch.add(cache.open(), encoded, target, 0, target.length);
      encode(sources, cache, workspace, Trace.NONE);
      float[][][][] weights = new float[config.numLayers()][][][];
      transformer.decode(
          batch,
          cache,
          workspace,
          (name, values, shape) -> {
            if (name.startsWith(QUERIES)) {
              int layer = Integer.parseInt(name.substring(QUERIES.length()));
              weights[layer] = weights(layer, values, target.length, cache, encoded, workspace);
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
    float[] queryValues = floats(queries, (long) tokens * width, workspace);
    KvCache.Layer cached = cache.layer(layer);
    MemorySegment memory = cached.memory();
    float[] cachedValues = floats(memory, memory.byteSize() / Float.BYTES, workspace);
    float[][][] weights = new float[heads][tokens][];
    for (int h = 0; h < heads; h++) {
      for (int t = 0; t < tokens; t++) {
        double[] scores = new double[source.length()];
        for (int j = 0; j < scores.length; j++) {
          int query = t * width + h * cache.headDim();
          int key = Math.toIntExact(cached.key(source.slot(j), h));
          for (int d = 0; d < cache.headDim(); d++) {
            scores[j] += (double) queryValues[query + d] * cachedValues[key + d];
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
