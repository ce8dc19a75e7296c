package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.model.text.BertForSequenceClassification;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.ModelRuntime;
import dev.panaformer.runtime.TextRuntime;
import dev.panaformer.tokenizer.Encoding;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/**
 * Classifies texts, or pairs of texts, with the labels of config.json. Scores are softmax
 * probabilities that sum to 1. If {@code problem_type} is {@code multi_label_classification}, or
 * there is only one label, each score is an independent probability. For {@code regression} the
 * scores are the predicted values.
 */
public final class TextClassifier implements Model {
  private final TextRuntime<BertForSequenceClassification> runtime;

  private TextClassifier(TextRuntime<BertForSequenceClassification> runtime) {
    this.runtime = runtime;
  }

  /** {@link #load(Path, ModelOptions)} with {@link ModelOptions#DEFAULT}. */
  public static TextClassifier load(Path folder) {
    return load(folder, ModelOptions.DEFAULT);
  }

  /**
   * Loads a model of the BERT family that was trained to classify sequences.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  public static TextClassifier load(Path folder, ModelOptions options) {
    return ModelRuntime.task(
        TextRuntime.load(
            folder,
            options.compute().settings(),
            options.limits(),
            BertForSequenceClassification::load),
        TextClassifier::new);
  }

  /**
   * All labels of a text, best first.
   *
   * @throws IllegalArgumentException if the text is too long and the options say to refuse it
   */
  public List<Label> classify(String text) {
    return classifyAll(Collections.singletonList(text)).getFirst();
  }

  /**
   * All labels of a pair of texts, such as a premise and a hypothesis, best first. Of a pair that
   * is too long, the end of the longer text is not read.
   *
   * @throws IllegalArgumentException if the pair is too long and the options say to refuse it
   */
  public List<Label> classify(String first, String second) {
    return classifyAllPairs(List.of(new TextPair(first, second))).getFirst();
  }

  /**
   * All labels of each text, in the order of the texts. The scores have the same bits as those of
   * {@link #classify(String)}.
   *
   * @throws IllegalArgumentException if a text is too long and the options say to refuse it; the
   *     message names its index
   */
  public List<List<Label>> classifyAll(List<String> texts) {
    return evaluate(encoded(texts), this::scored);
  }

  /** Like {@link #classifyAll}, for pairs of texts. */
  public List<List<Label>> classifyAllPairs(List<TextPair> pairs) {
    return evaluate(encodedPairs(pairs), this::scored);
  }

  /**
   * The output of the model for a text, before it is made a probability.
   *
   * @return one logit for each of the {@link #labels}, in their order
   * @throws IllegalArgumentException if the text is too long and the options say to refuse it
   */
  public float[] logits(String text) {
    return logitsAll(Collections.singletonList(text))[0];
  }

  /** Like {@link #logits(String)}, for a pair of texts. */
  public float[] logits(String first, String second) {
    return logitsAllPairs(List.of(new TextPair(first, second)))[0];
  }

  /**
   * The logits of each text, {@code [texts][labels]}, in the order of the texts. They have the same
   * bits as those of {@link #logits(String)}.
   *
   * @throws IllegalArgumentException if a text is too long and the options say to refuse it; the
   *     message names its index
   */
  public float[][] logitsAll(List<String> texts) {
    return evaluate(encoded(texts), this::row).toArray(float[][]::new);
  }

  /** Like {@link #logitsAll}, for pairs of texts. */
  public float[][] logitsAllPairs(List<TextPair> pairs) {
    return evaluate(encodedPairs(pairs), this::row).toArray(float[][]::new);
  }

  /**
   * How well each document matches a query, by a model with one label (a cross-encoder, or
   * reranker). A score is the model's logit, which orders documents as the probability of {@link
   * #classify(String, String)} does, but does not saturate at 1.
   *
   * @return one score for each document, in their order; the larger, the better
   * @throws IllegalArgumentException if a pair is too long and the options say to refuse it; the
   *     message names the index of its document
   * @throws UnsupportedOperationException if the model has more than one label; use {@link
   *     #logitsAllPairs} and choose one
   */
  public float[] score(String query, List<String> documents) {
    Objects.requireNonNull(query, "query is null, expected a text");
    if (labels().size() != 1) {
      throw new UnsupportedOperationException(
          runtime.name() + ": scores need a model with one label, this one has " + labels());
    }
    List<Encoding> encodings =
        TextRuntime.encodeAll(documents, document -> runtime.encode(query, document));
    float[] scores = new float[documents.size()];
    List<float[]> logits = evaluate(encodings, this::row);
    for (int i = 0; i < scores.length; i++) {
      scores[i] = logits.get(i)[0];
    }
    return scores;
  }

  private List<Encoding> encoded(List<String> texts) {
    return TextRuntime.encodeAll(texts, runtime::encode);
  }

  private List<Encoding> encodedPairs(List<TextPair> pairs) {
    return TextRuntime.encodeAll(pairs, pair -> runtime.encode(pair.first(), pair.second()));
  }

  /** Makes a result of the logits {@code [sequences, labels]} of one sequence. */
  private interface Reader<R> {
    R read(MemorySegment logits, int sequence);
  }

  private <R> List<R> evaluate(List<Encoding> encodings, Reader<R> reader) {
    return runtime.call(workspace -> {
      List<R> results = new ArrayList<>(encodings.size());
      runtime.inBatches(
          encodings,
          workspace,
          (first, batch) -> {
            MemorySegment logits =
                runtime
                    .kernels()
                    .memory()
                    .onHost(
                        runtime.model().forward(batch, workspace, Trace.NONE),
                        (long) batch.sequences() * labels().size(),
                        workspace);
            for (int s = 0; s < batch.sequences(); s++) {
              results.add(reader.read(logits, s));
            }
          });
      return results;
    });
  }

  private List<Label> scored(MemorySegment logits, int sequence) {
    return Labels.scored(logits, sequence, labels(), runtime.model().config().problemType());
  }

  private float[] row(MemorySegment logits, int sequence) {
    float[] row = new float[labels().size()];
    MemorySegment.copy(
        logits, JAVA_FLOAT, (long) sequence * row.length * Float.BYTES, row, 0, row.length);
    return row;
  }

  /** The labels, in the order of config.json. */
  public List<String> labels() {
    return runtime.model().config().labels();
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
