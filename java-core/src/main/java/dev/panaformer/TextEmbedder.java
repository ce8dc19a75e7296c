package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.ModelFolder.SentenceModules;
import dev.panaformer.checkpoint.SentencePooling;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.text.TextEncoder;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.ModelRuntime;
import dev.panaformer.runtime.ModelRuntime.Evaluation;
import dev.panaformer.runtime.TextRuntime;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * Turns texts into vectors whose cosine similarity measures how similar the texts are.
 *
 * <pre>{@code
 * try (var embedder = TextEmbedder.load(Path.of("all-MiniLM-L6-v2"))) {
 *   float[] vector = embedder.embed("I love you");
 * }
 * }</pre>
 *
 * <p>The pooling of token vectors is read from the folder's {@code modules.json} and {@code
 * 1_Pooling/config.json}, as sentence-transformers writes them. Without these files, the vector is
 * the mean of the token vectors, divided by its L2 norm. Leading and trailing white space of texts
 * is removed, as in sentence-transformers.
 */
public final class TextEmbedder implements Model {
  private static final Buffer POOLED = Buffer.named("pooled vectors");
  private static final SentenceModules DEFAULT_MODULES =
      new SentenceModules(SentencePooling.MEAN, true);

  private final TextRuntime<TextEncoder> runtime;
  private final Pooling pooling;
  private final boolean normalizes;
  private final int dimension;

  /** Kept in a field so that calls do not allocate it. */
  private final Evaluation<int[], float[], float[]> embedding = this::embed;

  private TextEmbedder(TextRuntime<TextEncoder> runtime) {
    this.runtime = runtime;
    SentenceModules modules = runtime.folder().sentenceModules().orElse(DEFAULT_MODULES);
    this.pooling = pooling(modules.pooling());
    this.normalizes = modules.normalize();
    this.dimension = runtime.model().config().hiddenSize();
  }

  private static Pooling pooling(SentencePooling pooling) {
    return switch (pooling) {
      case CLS -> Pooling.CLS;
      case MEAN -> Pooling.MEAN;
      case MAX -> Pooling.MAX;
      case LAST -> Pooling.LAST;
    };
  }

  /** {@link #load(Path, ModelOptions)} with {@link ModelOptions#DEFAULT}. */
  public static TextEmbedder load(Path folder) {
    return load(folder, ModelOptions.DEFAULT);
  }

  /**
   * Loads an encoder: a model of the BERT family, with any head or none, a Linformer or a
   * Performer.
   *
   * @param folder contains config.json, weights, and tokenizer.json or vocab.txt
   * @throws dev.panaformer.checkpoint.CheckpointException if it does not hold such a model, naming
   *     the file and the reason
   */
  public static TextEmbedder load(Path folder, ModelOptions options) {
    return ModelRuntime.task(
        TextRuntime.load(folder, options.compute().settings(), options.limits()),
        TextEmbedder::new);
  }

  /**
   * Computes the vector of a text, which may be empty.
   *
   * @return {@link #dimension} floats
   * @throws IllegalArgumentException if the text is too long and the options say to refuse it
   */
  public float[] embed(String text) {
    float[] vector = new float[dimension];
    embed(tokenize(text), vector);
    return vector;
  }

  /**
   * Computes the vectors of several texts, in the order of the texts.
   *
   * @throws IllegalArgumentException if a text is too long and the options say to refuse it
   */
  public float[][] embedAll(List<String> texts) {
    return embedAll(TextRuntime.encodeAll(texts, this::tokenize).toArray(int[][]::new));
  }

  /**
   * Computes the vector of a text that is already tokenized. Does not allocate once warm.
   *
   * @param ids the ids as {@link #tokenize} returns them, including special tokens
   * @param vector receives {@link #dimension} floats
   * @throws IllegalArgumentException if there are no ids, or more than the model has positions; or
   *     if the length of the vector is not {@link #dimension}
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public void embed(int[] ids, float[] vector) {
    if (vector.length != dimension) {
      throw new IllegalArgumentException(
          "a vector of " + vector.length + " elements, the model's have " + dimension);
    }
    runtime.call(embedding, ids, vector);
  }

  /**
   * Computes the vectors of texts that are already tokenized.
   *
   * @param ids the ids of each text, as {@link #tokenize} returns them
   * @throws IllegalArgumentException if a text has no ids, or more than the model has positions
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public float[][] embedAll(int[][] ids) {
    return runtime.call(workspace -> embedAll(workspace, ids));
  }

  /**
   * Encodes a text to the token ids that {@link #embed(String)} uses: with special tokens, and
   * truncated.
   *
   * @throws IllegalArgumentException if the text is too long and the options say to refuse it
   */
  public int[] tokenize(String text) {
    return runtime.ids(text.strip());
  }

  private float[] embed(Workspace workspace, int[] ids, float[] vector) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    runtime.model().append(batch, ids, null, null);
    copy(pooled(batch, workspace), 0, vector);
    return vector;
  }

  private float[][] embedAll(Workspace workspace, int[][] ids) {
    float[][] vectors = new float[ids.length][dimension];
    runtime.inBatches(
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
    Kernels kernels = runtime.kernels();
    RowSelection rows =
        pooling == Pooling.CLS
            ? RowSelection.in(workspace).firstOf(batch, 1)
            : RowSelection.in(workspace).all(batch);
    MemorySegment x = runtime.model().hiddenStates(batch, rows, workspace, Trace.NONE);
    MemorySegment y = workspace.floats(POOLED, (long) batch.sequences() * dimension);
    kernels.embedding().pool(x, rows.lengths(), y, dimension, pooling, normalizes);
    return kernels.memory().onHost(y, (long) batch.sequences() * dimension, workspace);
  }

  private void copy(MemorySegment pooled, int sequence, float[] vector) {
    MemorySegment.copy(
        pooled, JAVA_FLOAT, (long) sequence * dimension * Float.BYTES, vector, 0, dimension);
  }

  /** The number of floats in a vector. */
  public int dimension() {
    return dimension;
  }

  /** The maximum number of tokens that are read of a text, including special tokens. */
  public int maxTokens() {
    return runtime.maxTokens();
  }

  /**
   * Replaces the random features of a Performer, which may be done from time to time (Choromanski
   * et al. 2021, section 2.4). Equal seeds give equal features. Waits for running calls; later
   * calls wait until the features are replaced.
   *
   * @throws UnsupportedOperationException if the model has no random features
   */
  public void redrawFeatures(long seed) {
    runtime.exclusively(encoder -> encoder.redrawFeatures(seed));
  }

  @Override
  public String description() {
    return runtime.description();
  }

  @Override
  public void close() {
    runtime.close();
  }
}
