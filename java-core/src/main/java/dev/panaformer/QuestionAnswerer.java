package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.model.text.BertTask;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.TextRuntime;
import dev.panaformer.tokenizer.Encoding;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * Answers questions with a span of a given context. A context that is too long for the model is
 * read in overlapping windows, and the best answer of all windows is returned.
 */
public final class QuestionAnswerer implements Model {
  // The window size with which the models were fine-tuned (Devlin et al. 2018, SQuAD), also the
  // default of Hugging Face.
  private static final int WINDOW_TOKENS = 384;
  private static final int OVERLAP_TOKENS = 128;
  private static final int MAX_ANSWER_TOKENS = 15;

  private static final int CONTEXT = 1;

  /**
   * A span of the context.
   *
   * @param score the probability that the answer starts at its first token, times the probability
   *     that it ends at its last token. Each is a distribution over the context tokens of the
   *     window and the first token, which stands for no answer.
   * @param text the text from {@code start} to {@code end}
   * @param start the index of the first char in the context
   * @param end the index after the last char in the context
   */
  public record Answer(String text, float score, int start, int end) {}

  private final TextRuntime<BertTask> runtime;
  private final int windowTokens;

  private QuestionAnswerer(TextRuntime<BertTask> runtime) {
    this.runtime = runtime;
    this.windowTokens = Math.min(WINDOW_TOKENS, runtime.maxTokens());
  }

  /** {@link #load(Path, ModelOptions)} with {@link ModelOptions#DEFAULT}. */
  public static QuestionAnswerer load(Path folder) {
    return load(folder, ModelOptions.DEFAULT);
  }

  /**
   * Loads a model of the BERT family that was trained to answer questions.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  public static QuestionAnswerer load(Path folder, ModelOptions options) {
    return new QuestionAnswerer(
        TextRuntime.load(
            folder, options.compute().settings(), options.limits(), BertTask::questionAnswering));
  }

  /**
   * The best answer, which has at most 15 tokens.
   *
   * @throws IllegalArgumentException if the context is blank, or the question leaves no room for it
   */
  public Answer answer(String question, String context) {
    int overlap = Math.min(OVERLAP_TOKENS, windowTokens / 2);
    List<Encoding> windows =
        runtime
            .tokenize(tokenizer -> tokenizer.encode(question, context))
            .windows(windowTokens, overlap);
    return runtime.call(workspace -> {
      Search search = new Search(context);
      runtime.inBatches(
          windows,
          workspace,
          (first, batch) -> {
            MemorySegment logits =
                runtime
                    .kernels()
                    .memory()
                    .onHost(
                        runtime.model().forward(batch, workspace, Trace.NONE),
                        2L * batch.tokens(),
                        workspace);
            for (int s = 0; s < batch.sequences(); s++) {
              search.read(windows.get(first + s), logits, batch.start(s));
            }
          });
      return search.best();
    });
  }

  /** The best span of the windows that were read so far. */
  static final class Search {
    private final String context;
    private double bestScore = -1;
    private int bestStart;
    private int bestEnd;

    Search(String context) {
      this.context = context;
    }

    void read(Encoding window, MemorySegment logits, int firstRow) {
      double[] starts = probabilities(window, logits, firstRow, 0);
      double[] ends = probabilities(window, logits, firstRow, 1);
      for (int i = 0; i < starts.length; i++) {
        for (int j = i; j < Math.min(i + MAX_ANSWER_TOKENS, ends.length); j++) {
          boolean inContext = window.sequences()[i] == CONTEXT && window.sequences()[j] == CONTEXT;
          if (inContext && starts[i] * ends[j] > bestScore) {
            bestScore = starts[i] * ends[j];
            bestStart = window.starts()[i];
            bestEnd = window.ends()[j];
          }
        }
      }
    }

    /**
     * The probabilities of the context tokens and of the first token, which stands for no answer.
     */
    private static double[] probabilities(
        Encoding window, MemorySegment logits, int firstRow, int column) {
      double[] scores = new double[window.length()];
      for (int t = 0; t < scores.length; t++) {
        boolean counts = t == 0 || window.sequences()[t] == CONTEXT;
        scores[t] =
            counts
                ? logits.getAtIndex(JAVA_FLOAT, 2L * (firstRow + t) + column)
                : Double.NEGATIVE_INFINITY;
      }
      Probabilities.softmax(scores);
      return scores;
    }

    Answer best() {
      if (bestScore < 0) {
        throw new IllegalArgumentException("the context holds no text");
      }
      return new Answer(
          context.substring(bestStart, bestEnd), (float) bestScore, bestStart, bestEnd);
    }
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
