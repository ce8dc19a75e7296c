package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.model.text.BertTask;
import dev.panaformer.nn.Trace;
import dev.panaformer.runtime.ModelRuntime;
import dev.panaformer.runtime.TextRuntime;
import dev.panaformer.tokenizer.ControlTokens;
import dev.panaformer.tokenizer.Encoding;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
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
    return ModelRuntime.task(
        TextRuntime.load(
            folder, options.compute().settings(), options.limits(), BertTask::questionAnswering),
        QuestionAnswerer::new);
  }

  /**
   * The best answer, which has at most 15 tokens.
   *
   * @throws IllegalArgumentException if the context is blank, or the question leaves no room for it
   * @throws ArithmeticException if the model computes scores that are not numbers
   */
  public Answer answer(String question, String context) {
    return answerAll(List.of(new TextPair(question, context))).getFirst();
  }

  /**
   * The best answer to each question, in the order of the questions. The scores have the same bits
   * as those of {@link #answer}.
   *
   * @param questions each with its context as the second text
   * @throws IllegalArgumentException if a context is blank, or a question leaves no room for it;
   *     the message names the index of the pair
   * @throws ArithmeticException if the model computes scores that are not numbers
   */
  public List<Answer> answerAll(List<TextPair> questions) {
    List<Window> windows =
        TextRuntime.encodeAll(questions, this::windows).stream().flatMap(List::stream).toList();
    return runtime.call(workspace -> {
      runtime.inBatches(
          windows.stream().map(Window::encoding).toList(),
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
              Window window = windows.get(first + s);
              window.search().read(window.encoding(), logits, batch.start(s));
            }
          });
      return windows.stream().map(Window::search).distinct().map(Search::best).toList();
    });
  }

  /** A part of a context, and the search for the answer in all parts of that context. */
  private record Window(Encoding encoding, Search search) {}

  private List<Window> windows(TextPair question) {
    int overlap = Math.min(OVERLAP_TOKENS, windowTokens / 2);
    Encoding encoding =
        runtime.tokenize(
            tokenizer -> tokenizer.encode(question.first(), question.second(), ControlTokens.TEXT));
    if (Arrays.stream(encoding.sequences()).noneMatch(s -> s == CONTEXT)) {
      throw new IllegalArgumentException("the context holds no text");
    }
    Search search = new Search(question.second());
    return encoding.windows(windowTokens, overlap).stream()
        .map(window -> new Window(window, search))
        .toList();
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
        throw new ArithmeticException("the scores of the context are not numbers");
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
