package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.model.text.BertForTokenClassification;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.ModelRuntime;
import dev.panaformer.runtime.TextRuntime;
import dev.panaformer.tokenizer.Encoding;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Finds the labelled spans of a text: names, places, parts of speech. Adjacent tokens with the same
 * label form one entity. With labels {@code B-X} and {@code I-X}, a {@code B-} starts a new entity.
 * This is the aggregation {@code simple} of Hugging Face.
 */
public final class TokenClassifier implements Model {
  private static final String OUTSIDE = "O";

  /**
   * A labelled span of a text.
   *
   * @param label the label without {@code B-} or {@code I-}
   * @param score the mean probability of its tokens
   * @param text the text from {@code start} to {@code end}
   * @param start the index of the first char in the text
   * @param end the index after the last char in the text
   */
  public record Entity(String label, float score, String text, int start, int end) {}

  private final TextRuntime<BertForTokenClassification> runtime;

  private TokenClassifier(TextRuntime<BertForTokenClassification> runtime) {
    this.runtime = runtime;
  }

  /** {@link #load(Path, ModelOptions)} with {@link ModelOptions#DEFAULT}. */
  public static TokenClassifier load(Path folder) {
    return load(folder, ModelOptions.DEFAULT);
  }

  /**
   * Loads a model of the BERT family that was trained to classify tokens.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  public static TokenClassifier load(Path folder, ModelOptions options) {
    return ModelRuntime.task(
        TextRuntime.load(
            folder,
            options.compute().settings(),
            options.limits(),
            BertForTokenClassification::load),
        TokenClassifier::new);
  }

  /**
   * The entities of a text in their order, without those labelled {@code O}.
   *
   * @throws IllegalArgumentException if the text is too long and the options say to refuse it
   */
  public List<Entity> entities(String text) {
    return entitiesAll(Collections.singletonList(text)).getFirst();
  }

  /**
   * The entities of each text, in the order of the texts. The scores have the same bits as those of
   * {@link #entities}.
   *
   * @throws IllegalArgumentException if a text is too long and the options say to refuse it; the
   *     message names its index
   */
  public List<List<Entity>> entitiesAll(List<String> texts) {
    List<Encoding> encodings = TextRuntime.encodeAll(texts, runtime::encode);
    return runtime.call(workspace -> {
      List<List<Entity>> results = new ArrayList<>(texts.size());
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
                        (long) batch.tokens() * labels().size(),
                        workspace);
            for (int s = 0; s < batch.sequences(); s++) {
              Encoding encoding = encodings.get(first + s);
              results.add(entities(texts.get(first + s), encoding, logits, batch.start(s)));
            }
          });
      return results;
    });
  }

  /**
   * @param logits {@code [tokens, labels]}
   * @param firstRow the row of the first token of the text
   */
  private List<Entity> entities(
      String text, Encoding encoding, MemorySegment logits, int firstRow) {
    String[] labels = new String[encoding.length()];
    double[] scores = new double[encoding.length()];
    for (int t = 0; t < labels.length; t++) {
      double[] probabilities = probabilities(logits, firstRow + t);
      int best = indexOfMax(probabilities);
      labels[t] = encoding.isSpecial(t) ? OUTSIDE : labels().get(best);
      scores[t] = probabilities[best];
    }
    return group(text, encoding, labels, scores);
  }

  /**
   * @param labels the label of each token, as config.json spells it
   * @param scores the score of each token
   */
  static List<Entity> group(String text, Encoding encoding, String[] labels, double[] scores) {
    List<Entity> entities = new ArrayList<>();
    int end;
    for (int first = 0; first < labels.length; first = end) {
      String tag = tag(labels[first]);
      double sum = scores[first];
      for (end = first + 1; end < labels.length && continues(labels[end], tag); end++) {
        sum += scores[end];
      }
      if (!tag.equals(OUTSIDE)) {
        int start = encoding.starts()[first];
        int stop = encoding.ends()[end - 1];
        float mean = (float) (sum / (end - first));
        entities.add(new Entity(tag, mean, text.substring(start, stop), start, stop));
      }
    }
    return entities;
  }

  private double[] probabilities(MemorySegment logits, int token) {
    double[] scores = new double[labels().size()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = logits.getAtIndex(JAVA_FLOAT, (long) token * scores.length + i);
    }
    Probabilities.softmax(scores);
    return scores;
  }

  private static int indexOfMax(double[] values) {
    int max = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] > values[max]) {
        max = i;
      }
    }
    return max;
  }

  private static boolean continues(String label, String tag) {
    return !label.startsWith("B-") && tag(label).equals(tag);
  }

  private static String tag(String label) {
    return label.startsWith("B-") || label.startsWith("I-") ? label.substring(2) : label;
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
