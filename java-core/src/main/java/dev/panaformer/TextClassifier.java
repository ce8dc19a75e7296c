package dev.panaformer;

import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.text.BertForSequenceClassification;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.TextRuntime;
import dev.panaformer.tokenizer.Encoding;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

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
    return new TextClassifier(
        TextRuntime.load(
            folder,
            options.compute().settings(),
            options.limits(),
            BertForSequenceClassification::load));
  }

  /**
   * All labels of a text, best first.
   *
   * @throws IllegalArgumentException if the text is too long and the options say to refuse it
   */
  public List<Label> classify(String text) {
    return classifyAll(List.of(text)).get(0);
  }

  /** All labels of a pair of texts, such as a premise and a hypothesis, best first. */
  public List<Label> classify(String text, String pair) {
    return classifyEncoded(List.of(runtime.encode(text, pair))).get(0);
  }

  /** All labels of each text, in the order of the texts. */
  public List<List<Label>> classifyAll(List<String> texts) {
    return classifyEncoded(texts.stream().map(runtime::encode).toList());
  }

  private List<List<Label>> classifyEncoded(List<Encoding> encodings) {
    return runtime.call(workspace -> classifyAll(encodings, workspace));
  }

  private List<List<Label>> classifyAll(List<Encoding> encodings, Workspace workspace) {
    List<List<Label>> results = new ArrayList<>();
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
            results.add(scored(logits, s));
          }
        });
    return results;
  }

  private List<Label> scored(MemorySegment logits, int sequence) {
    return Labels.scored(logits, sequence, labels(), runtime.model().config().problemType());
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
