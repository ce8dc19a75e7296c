package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.ModelFolder.SentenceModules;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.EncoderConfig;
import dev.panaformer.model.TextEncoder;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * Turns texts into vectors whose angles tell how alike the texts are.
 *
 * <pre>{@code
 * try (var embedder = TextEmbedder.load(Path.of("all-MiniLM-L6-v2"))) {
 *   float[] vector = embedder.embed("I love you");
 * }
 * }</pre>
 *
 * <p>How token vectors become one is read from the folder's {@code modules.json} and {@code
 * 1_Pooling/config.json}, as sentence-transformers writes them; without these it is the mean,
 * divided by its L2 norm. Texts lose the white space around them, as they do there.
 *
 * <p>Safe for use by any number of platform and virtual threads. {@link #close} waits for calls in
 * flight; later ones throw {@link IllegalStateException}. A vector has the same bits whichever
 * method computed it, whatever else was computed with it, and for every number of threads.
 */
public final class TextEmbedder implements AutoCloseable {
  private static final Buffer POOLED = Buffer.named("pooled vectors");
  private static final SentenceModules DEFAULT_MODULES = new SentenceModules(Pooling.MEAN, true);

  private final LoadedModel<TextEncoder> model;
  private final SentenceModules modules;
  private final int dimension;

  private TextEmbedder(LoadedModel<TextEncoder> model) {
    this.model = model;
    this.modules = model.folder().sentenceModules().orElse(DEFAULT_MODULES);
    this.dimension = model.task().config().hiddenSize();
  }

  /** {@link #load(Path, ModelOptions)} with {@link ModelOptions#DEFAULT}. */
  public static TextEmbedder load(Path folder) {
    return load(folder, ModelOptions.DEFAULT);
  }

  /**
   * Loads an encoder, of the BERT family with whatever head it has, a Linformer or a Performer.
   *
   * @param folder config.json, weights, and tokenizer.json or vocab.txt
   * @throws dev.panaformer.checkpoint.CheckpointException if it does not hold such a model, naming
   *     the file and what is wrong with it
   */
  public static TextEmbedder load(Path folder, ModelOptions options) {
    return new TextEmbedder(LoadedModel.load(folder, options));
  }

  /**
   * The vector of a text; of the empty text too.
   *
   * @return {@link #dimension} floats
   * @throws IllegalArgumentException if the text is too long, and the options say to refuse it
   */
  public float[] embed(String text) {
    float[] vector = new float[dimension];
    try (Workspace workspace = model.lease()) {
      embed(tokenize(text), vector, workspace);
    }
    return vector;
  }

  /**
   * The vectors of texts, in their order.
   *
   * @throws IllegalArgumentException if one is too long, and the options say to refuse it
   */
  public float[][] embedAll(List<String> texts) {
    try (Workspace workspace = model.lease()) {
      return embedAll(texts.stream().map(this::tokenize).toArray(int[][]::new), workspace);
    }
  }

  /**
   * The vector of a text that is tokenized already. Allocates nothing once warm.
   *
   * @param ids as {@link #tokenize} gives them, special tokens included
   * @param vector where {@link #dimension} floats go
   * @throws IllegalArgumentException if there are no ids, or more than the model has positions; or
   *     if the vector has not {@link #dimension} elements
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public void embed(int[] ids, float[] vector) {
    if (vector.length != dimension) {
      throw new IllegalArgumentException(
          "a vector of " + vector.length + " elements, the model's have " + dimension);
    }
    try (Workspace workspace = model.lease()) {
      embed(ids, vector, workspace);
    }
  }

  /**
   * The vectors of texts that are tokenized already.
   *
   * @param ids of each text, as {@link #tokenize} gives them
   * @throws IllegalArgumentException if one has no ids, or more than the model has positions
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public float[][] embedAll(int[][] ids) {
    try (Workspace workspace = model.lease()) {
      return embedAll(ids, workspace);
    }
  }

  /**
   * The ids that {@link #embed(String)} computes on: with special tokens, and truncated.
   *
   * @throws IllegalArgumentException if the text is too long, and the options say to refuse it
   */
  public int[] tokenize(String text) {
    String stripped = text.strip();
    int[] ids = model.tokenizer().ids(stripped);
    return ids.length <= model.maxTokens()
        ? ids
        : model.fit(model.tokenizer().encode(stripped)).ids();
  }

  private void embed(int[] ids, float[] vector, Workspace workspace) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    model.task().append(batch, ids, null, null);
    copy(pooled(batch, workspace), 0, vector);
  }

  private float[][] embedAll(int[][] ids, Workspace workspace) {
    float[][] vectors = new float[ids.length][dimension];
    model.inBatches(
        ids.length,
        i -> ids[i],
        i -> null,
        workspace,
        (first, batch) -> {
          MemorySegment pooled = pooled(batch, workspace);
          for (int s = 0; s < batch.sequences(); s++) {
            copy(pooled, s, vectors[first + s]);
          }
        });
    return vectors;
  }

  private MemorySegment pooled(TokenBatch batch, Workspace workspace) {
    Kernels kernels = model.kernels();
    RowSelection queries =
        modules.pooling() == Pooling.CLS
            ? RowSelection.in(workspace).firstOf(batch, 1)
            : RowSelection.in(workspace).all(batch);
    MemorySegment x = model.task().hiddenStates(batch, queries, workspace, Trace.NONE);
    MemorySegment y = workspace.floats(POOLED, (long) batch.sequences() * dimension);
    kernels
        .embedding()
        .pool(x, queries.lengths(), y, dimension, modules.pooling(), modules.normalize());
    return kernels.memory().onHost(y, (long) batch.sequences() * dimension, workspace);
  }

  private void copy(MemorySegment pooled, int sequence, float[] vector) {
    MemorySegment.copy(
        pooled, JAVA_FLOAT, (long) sequence * dimension * Float.BYTES, vector, 0, dimension);
  }

  /** The floats of a vector. */
  public int dimension() {
    return dimension;
  }

  /** The most tokens of a text that are read, special ones included. */
  public int maxTokens() {
    return model.maxTokens();
  }

  /** What the model computes. */
  public EncoderConfig config() {
    return model.task().config();
  }

  /**
   * Replaces the random features of a Performer by others, as it may be done from time to time
   * (Choromanski et al. 2021, section 2.4): those of equal seeds are equal. Waits for calls in
   * flight, and later ones wait for it.
   *
   * @throws UnsupportedOperationException if the model has no random features
   */
  public void redrawFeatures(long seed) {
    model.exclusively(encoder -> encoder.redrawFeatures(seed));
  }

  /** What computes it, for people: backend, instruction set, threads. */
  public String description() {
    return model.kernels().description();
  }

  @Override
  public void close() {
    model.close();
  }
}
