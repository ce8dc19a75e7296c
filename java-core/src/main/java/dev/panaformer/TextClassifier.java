package dev.panaformer;

import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.BertConfig;
import dev.panaformer.model.BertForSequenceClassification;
import dev.panaformer.nn.Trace;
import dev.panaformer.tokenizer.Encoding;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Labels texts, or pairs of texts, with the labels of config.json. Their scores are probabilities:
 * by softmax, so that they sum to 1, or each by itself where {@code problem_type} says {@code
 * multi_label_classification} or there is but one label. For {@code regression} they are the
 * model's values.
 *
 * <p>Safe for use by any number of platform and virtual threads. {@link #close} waits for calls in
 * flight; later ones throw {@link IllegalStateException}.
 */
public final class TextClassifier implements AutoCloseable {
  private final LoadedModel<BertForSequenceClassification> model;

  private TextClassifier(LoadedModel<BertForSequenceClassification> model) {
    this.model = model;
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
    return new TextClassifier(
        LoadedModel.load(folder, options, BertForSequenceClassification::load));
  }

  /**
   * All labels of a text, the best first.
   *
   * @throws IllegalArgumentException if the text is too long, and the options say to refuse it
   */
  public List<Label> classify(String text) {
    return classifyAll(List.of(text)).get(0);
  }

  /** All labels of a pair of texts, such as a premise and a hypothesis, the best first. */
  public List<Label> classify(String text, String pair) {
    try (Workspace workspace = model.lease()) {
      return classifyAll(List.of(model.fit(model.tokenizer().encode(text, pair))), workspace)
          .get(0);
    }
  }

  /** {@link #classify(String)} of each text, in their order. */
  public List<List<Label>> classifyAll(List<String> texts) {
    try (Workspace workspace = model.lease()) {
      return classifyAll(
          texts.stream().map(t -> model.fit(model.tokenizer().encode(t))).toList(), workspace);
    }
  }

  private List<List<Label>> classifyAll(List<Encoding> encodings, Workspace workspace) {
    List<List<Label>> results = new ArrayList<>();
    model.inBatches(
        encodings,
        workspace,
        (first, batch) -> {
          MemorySegment logits =
              model
                  .kernels()
                  .memory()
                  .onHost(
                      model.task().forward(batch, workspace, Trace.NONE),
                      (long) batch.sequences() * labels().size(),
                      workspace);
          for (int s = 0; s < batch.sequences(); s++) {
            results.add(scored(logits, s));
          }
        });
    return results;
  }

  private List<Label> scored(MemorySegment logits, int sequence) {
    return Labels.scored(logits, sequence, labels(), model.task().config().problemType());
  }

  /** The labels, in the order of config.json. */
  public List<String> labels() {
    return model.task().config().labels();
  }

  /** What the model computes. */
  public BertConfig config() {
    return model.task().config();
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
