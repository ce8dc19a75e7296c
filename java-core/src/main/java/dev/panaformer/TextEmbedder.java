package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.ModelFolder.SentenceModules;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeMemory;
import dev.panaformer.kernel.Pooling;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import dev.panaformer.kernel.WorkspacePool;
import dev.panaformer.model.BertConfig;
import dev.panaformer.model.BertModel;
import dev.panaformer.nn.Weights;
import dev.panaformer.tokenizer.Tokenizer;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Texts to vectors, with a model of the BERT family.
 *
 * <pre>{@code
 * try (var embedder = TextEmbedder.load(Path.of("all-MiniLM-L6-v2"))) {
 *   float[] vector = embedder.embed("I love you");
 * }
 * }</pre>
 *
 * <p>Pooling and normalisation are those of a sentence-transformers folder; without its {@code
 * modules.json} the mean over the tokens, divided by its L2 norm.
 *
 * <p>Safe to call from any number of threads, platform or virtual. {@link #close} waits for calls
 * in flight; later ones throw {@link IllegalStateException}.
 */
public final class TextEmbedder implements AutoCloseable {
  private static final SentenceModules MEAN_NORMALIZED = new SentenceModules(Pooling.MEAN, true);

  private final String name;
  private final ModelOptions options;
  private final Kernels kernels;
  private final NativeMemory memory;
  private final Tokenizer tokenizer;
  private final BertModel model;
  private final SentenceModules modules;
  private final int maxTokens;
  private final WorkspacePool workspaces;

  private TextEmbedder(ModelFolder folder, ModelOptions options, Resources resources) {
    this.name = folder.toString();
    this.options = options;
    this.kernels = resources.kernels;
    this.memory = resources.memory;
    this.tokenizer = resources.tokenizer;
    BertConfig config = BertConfig.of(folder.config());
    try (Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.family().weightNames())) {
      model = BertModel.load(weights, config);
    }
    modules = folder.sentenceModules().orElse(MEAN_NORMALIZED);
    maxTokens = Math.min(config.maxTokens(), folder.maxSequenceLength().orElse(config.maxTokens()));
    workspaces = new WorkspacePool(name, options.maxConcurrency());
  }

  /** {@link #load(Path, ModelOptions)} with {@link ModelOptions#DEFAULT}. */
  public static TextEmbedder load(Path folder) {
    return load(folder, ModelOptions.DEFAULT);
  }

  /**
   * Loads config.json, weights and tokenizer of a folder.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException naming the file and what is wrong with
   *     it; nothing stays loaded
   */
  public static TextEmbedder load(Path folder, ModelOptions options) {
    ModelFolder opened = ModelFolder.open(folder);
    Resources resources = new Resources();
    try {
      resources.tokenizer = Tokenizer.load(opened.transformer());
      resources.kernels = options.backend().open(options.threads());
      return new TextEmbedder(opened, options, resources);
    } catch (RuntimeException | Error e) {
      resources.close();
      throw e;
    }
  }

  /** What a load has acquired so far. */
  private static final class Resources {
    private final NativeMemory memory = new NativeMemory();
    private Kernels kernels;
    private Tokenizer tokenizer;

    void close() {
      memory.close();
      if (kernels != null) {
        kernels.close();
      }
      if (tokenizer != null) {
        tokenizer.close();
      }
    }
  }

  /** The length of a vector. */
  public int dimension() {
    return model.config().hiddenSize();
  }

  /** The longest text, in tokens with the special ones. */
  public int maxTokens() {
    return maxTokens;
  }

  /** What computes: backend, instruction set, threads. */
  public String description() {
    return kernels.description();
  }

  /** The ids of a text as the model reads it, special tokens included, truncated or refused. */
  public int[] tokenize(String text) {
    int[] ids = tokenizer.ids(text);
    if (ids.length <= maxTokens) {
      return ids;
    }
    if (options.truncation() == ModelOptions.Truncation.REFUSE) {
      throw new IllegalArgumentException(
          "a text of " + ids.length + " tokens; " + name + " takes at most " + maxTokens);
    }
    return tokenizer.encode(text).truncate(maxTokens).ids();
  }

  /** The vector of a text, {@code [dimension]}. */
  public float[] embed(String text) {
    float[] vector = new float[dimension()];
    embed(tokenize(text), vector);
    return vector;
  }

  /**
   * The vector of a text that is tokenized already. Allocates nothing once warm.
   *
   * @param ids with special tokens
   * @param vector {@code [dimension]}, written
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public void embed(int[] ids, float[] vector) {
    if (vector.length != dimension()) {
      throw new IllegalArgumentException(
          "vector has " + vector.length + " elements, expected " + dimension());
    }
    try (Workspace workspace = workspaces.lease()) {
      TokenBatch batch = workspace.batch();
      batch.clear();
      model.append(batch, ids);
      MemorySegment.copy(forward(workspace), JAVA_FLOAT, 0, vector, 0, vector.length);
    }
  }

  /** {@link #embed(String)} of each, bit for bit, in passes of many texts. */
  public float[][] embedAll(List<String> texts) {
    int[][] ids = texts.stream().map(this::tokenize).toArray(int[][]::new);
    // Long texts first, so that the passes of a large batch hold texts of similar length.
    int[] order =
        IntStream.range(0, ids.length)
            .boxed()
            .sorted(Comparator.comparingInt(i -> -ids[i].length))
            .mapToInt(Integer::intValue)
            .toArray();
    float[][] vectors = new float[ids.length][];
    for (int begin = 0; begin < order.length; ) {
      int end = begin;
      int tokens = 0;
      while (end < order.length
          && (end == begin || tokens + ids[order[end]].length <= options.maxBatchTokens())) {
        tokens += ids[order[end++]].length;
      }
      embedBatch(ids, Arrays.copyOfRange(order, begin, end), vectors);
      begin = end;
    }
    return vectors;
  }

  private void embedBatch(int[][] ids, int[] texts, float[][] vectors) {
    try (Workspace workspace = workspaces.lease()) {
      TokenBatch batch = workspace.batch();
      batch.clear();
      for (int text : texts) {
        model.append(batch, ids[text]);
      }
      MemorySegment y = forward(workspace);
      for (int s = 0; s < texts.length; s++) {
        float[] vector = new float[dimension()];
        long offset = (long) s * dimension() * Float.BYTES;
        MemorySegment.copy(y, JAVA_FLOAT, offset, vector, 0, vector.length);
        vectors[texts[s]] = vector;
      }
    }
  }

  /** One vector for each sequence of the workspace's batch. */
  private MemorySegment forward(Workspace workspace) {
    TokenBatch batch = workspace.batch();
    MemorySegment x = model.forward(batch, workspace);
    MemorySegment y = workspace.floats(Buffer.POOLED, (long) batch.sequences() * dimension());
    kernels.pool(x, batch, y, dimension(), modules.pooling(), modules.normalize());
    return y;
  }

  @Override
  public void close() {
    workspaces.close();
    memory.close();
    kernels.close();
    tokenizer.close();
  }
}
