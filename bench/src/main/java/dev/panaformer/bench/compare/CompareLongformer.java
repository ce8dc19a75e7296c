package dev.panaformer.bench.compare;

import com.google.gson.JsonObject;
import dev.panaformer.bench.model.Gpt2;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.model.text.BertModel;
import dev.panaformer.model.text.Sequence;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Compares Longformer-base with windowed attention, without and with a global token, to the same
 * weights with full fused attention. Measures whole passes over one text, and the attention of a
 * single layer, in turn.
 *
 * <p>{@code CompareLongformer [threads…]}
 */
public final class CompareLongformer {
  private static final Buffer QKV = Buffer.named("queries, keys, values");
  private static final Buffer CONTEXT = Buffer.named("context");
  private static final int ROUNDS = 3;
  private static final int PAUSE_MILLISECONDS = 30;
  private static final int[] TOKENS = {1024, 2048, 4096};
  private static final int WINDOW = 512;
  private static final int LAYERS = 12;
  private static final int HIDDEN = 768;
  private static final int HEADS = 12;
  private static final int VOCAB = 1000; // small, because speed does not depend on it

  private CompareLongformer() {}

  /** Arguments: the numbers of threads; 1 and 2 by default. */
  public static void main(String[] arguments) throws Exception {
    int[] threads = ThreadArguments.parse(arguments);
    for (int count : threads) {
      try (Kernels kernels = NativeKernels.create(Isa.AUTO, count);
          NativeMemory memory = new NativeMemory();
          Noise noise = new Noise();
          Workspace workspace = new Workspace(kernels.memory())) {
        BertModel windows = load("longformer", kernels, memory, noise);
        BertModel full = load("roberta", kernels, memory, noise);
        System.out.println("Longformer-base, window " + WINDOW + "; " + kernels.description());
        System.out.println(
            "tokens      full   windows        and a global token     attention alone, a layer");
        for (int tokens : TOKENS) {
          compare(tokens, full, windows, workspace);
        }
      }
    }
  }

  private static BertModel load(
      String type, Kernels kernels, NativeMemory memory, Checkpoint weights) {
    JsonObject config = new JsonObject();
    config.addProperty("model_type", type);
    config.addProperty("vocab_size", VOCAB);
    config.addProperty("hidden_size", HIDDEN);
    config.addProperty("num_hidden_layers", LAYERS);
    config.addProperty("num_attention_heads", HEADS);
    config.addProperty("intermediate_size", 4 * HIDDEN);
    config.addProperty("max_position_embeddings", Noise.POSITIONS);
    config.addProperty("type_vocab_size", 1);
    config.addProperty("attention_window", WINDOW);
    BertConfig bert = BertConfig.of(ConfigJson.parse(weights.source(), config.toString()));
    try (Weights named = new Weights(weights, kernels, memory, bert.weightNames())) {
      return BertModel.load(named, bert);
    }
  }

  private static void compare(int tokens, BertModel full, BertModel windows, Workspace workspace)
      throws Exception {
    int[] ids = new SplittableRandom(tokens).ints(tokens, 5, VOCAB).toArray();
    int[] global = new int[tokens];
    global[0] = 1;
    Runnable[] turns = {
      () -> pass(full, ids, null, workspace),
      () -> pass(windows, ids, null, workspace),
      () -> pass(windows, ids, global, workspace),
      () -> attention(full.kernels(), tokens, false, workspace),
      () -> attention(full.kernels(), tokens, true, workspace)
    };
    double[][] times = new double[turns.length][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
      for (int i = 0; i < turns.length; i++) {
        if (i == 3) {
          // Both models get the same batch, without a global token.
          fill(windows, ids, null, workspace);
        }
        Thread.sleep(PAUSE_MILLISECONDS);
        long begin = System.nanoTime();
        turns[i].run();
        if (round >= 0) {
          times[i][round] = (System.nanoTime() - begin) * 1e-6;
        }
      }
    }
    System.out.printf(
        Locale.ROOT,
        "%6d  %5.0f ms  %5.0f ms %6.2fx  %5.0f ms %6.2fx  %6.1f ms %6.1f ms %6.2fx%n",
        tokens,
        Rounds.median(times[0]),
        Rounds.median(times[1]),
        Rounds.ratio(times[0], times[1]),
        Rounds.median(times[2]),
        Rounds.ratio(times[0], times[2]),
        Rounds.median(times[3]),
        Rounds.median(times[4]),
        Rounds.ratio(times[3], times[4]));
  }

  private static void fill(BertModel model, int[] ids, int[] global, Workspace workspace) {
    workspace.batch().clear();
    model.append(workspace.batch(), new Sequence(ids, null, null, null, global, null));
  }

  private static void pass(BertModel model, int[] ids, int[] global, Workspace workspace) {
    fill(model, ids, global, workspace);
    model.forward(workspace.batch(), workspace);
  }

  private static void attention(Kernels kernels, int tokens, boolean sparse, Workspace workspace) {
    TokenBatch batch = workspace.batch();
    MemorySegment qkv = workspace.floats(QKV, 3L * HIDDEN * tokens);
    MemorySegment y = workspace.floats(CONTEXT, (long) HIDDEN * tokens);
    int headDim = HIDDEN / HEADS;
    Attention.in(workspace)
        .of(HEADS, HEADS, headDim, (float) (1 / Math.sqrt(headDim)))
        .packed(qkv, y, batch);
    if (sparse) {
      kernels.attention().sparseAttention(Attention.in(workspace), batch.keyLists(0), workspace);
    } else {
      kernels.attention().attention(Attention.in(workspace), workspace);
    }
  }

  /** Provides seeded random weights for both models. A weight is generated when it is read. */
  private static final class Noise implements Checkpoint {
    static final int POSITIONS = 4098;

    private final Map<String, long[]> shapes = new LinkedHashMap<>();

    Noise() {
      shapes.put("embeddings.word_embeddings.weight", new long[] {VOCAB, HIDDEN});
      shapes.put("embeddings.position_embeddings.weight", new long[] {POSITIONS, HIDDEN});
      shapes.put("embeddings.token_type_embeddings.weight", new long[] {1, HIDDEN});
      norm("embeddings.LayerNorm");
      for (int i = 0; i < LAYERS; i++) {
        String layer = "encoder.layer." + i + ".";
        for (String name : new String[] {"query", "key", "value"}) {
          linear(layer + "attention.self." + name, HIDDEN, HIDDEN);
          linear(layer + "attention.self." + name + "_global", HIDDEN, HIDDEN);
        }
        linear(layer + "attention.output.dense", HIDDEN, HIDDEN);
        norm(layer + "attention.output.LayerNorm");
        linear(layer + "intermediate.dense", 4 * HIDDEN, HIDDEN);
        linear(layer + "output.dense", HIDDEN, 4 * HIDDEN);
        norm(layer + "output.LayerNorm");
      }
    }

    private void linear(String name, long out, long in) {
      shapes.put(name + ".weight", new long[] {out, in});
      shapes.put(name + ".bias", new long[] {out});
    }

    private void norm(String name) {
      shapes.put(name + ".weight", new long[] {HIDDEN});
      shapes.put(name + ".bias", new long[] {HIDDEN});
    }

    @Override
    public Path source() {
      return Path.of("noise");
    }

    @Override
    public Set<String> names() {
      return shapes.keySet();
    }

    @Override
    public Tensor tensor(String name, Arena arena) {
      SplittableRandom random = new SplittableRandom(name.hashCode());
      long[] shape = shapes.get(name);
      float[] values = new float[Math.toIntExact(Tensor.elements(shape))];
      for (int i = 0; i < values.length; i++) {
        values[i] = Gpt2.noise(random) + (name.endsWith("LayerNorm.weight") ? 1 : 0);
      }
      return Tensor.ofFloats(values, shape);
    }

    @Override
    public void close() {}
  }
}
