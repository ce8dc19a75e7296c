package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.text.BertForMaskedLM;
import dev.panaformer.runtime.TextRuntime;
import dev.panaformer.tokenizer.Encoding;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/** Predicts the masked words of a text: {@code Paris is the [MASK] of France.} */
public final class FillMask implements Model {
  private static final Buffer MASKED = Buffer.named("hidden states of masks");
  private static final List<String> MASK_TOKENS = List.of("[MASK]", "<mask>");

  /**
   * A prediction for one mask.
   *
   * @param token the predicted word as plain text
   * @param tokenId the id of the token
   * @param score the probability of the token
   * @param text the text with this mask filled in; other masks stay
   */
  public record Guess(String token, int tokenId, float score, String text) {}

  private final TextRuntime<BertForMaskedLM> runtime;
  private final String maskToken;
  private final int maskId;

  private FillMask(TextRuntime<BertForMaskedLM> runtime, String maskToken) {
    this.runtime = runtime;
    this.maskToken = maskToken;
    this.maskId = runtime.tokenizer().id(maskToken).getAsInt();
  }

  /** {@link #load(Path, ModelOptions)} with {@link ModelOptions#DEFAULT}. */
  public static FillMask load(Path folder) {
    return load(folder, ModelOptions.DEFAULT);
  }

  /**
   * Loads a model of the BERT family with its masked-language-model head.
   *
   * @throws CheckpointException if the folder does not hold such a model, or its tokenizer has no
   *     mask token
   */
  public static FillMask load(Path folder, ModelOptions options) {
    TextRuntime<BertForMaskedLM> runtime =
        TextRuntime.load(
            folder, options.compute().settings(), options.limits(), BertForMaskedLM::load);
    for (String token : MASK_TOKENS) {
      if (runtime.tokenizer().id(token).isPresent()) {
        return new FillMask(runtime, token);
      }
    }
    runtime.close();
    throw new CheckpointException(folder + ": the tokenizer has none of " + MASK_TOKENS);
  }

  /** The spelling of the mask token in a text. */
  public String maskToken() {
    return maskToken;
  }

  /**
   * The best predictions for each mask of a text, best first.
   *
   * @param text contains at least one {@link #maskToken}
   * @param count the number of predictions for each mask
   * @throws IllegalArgumentException if the tokens that are read contain no mask; or if the text is
   *     too long and the options say to refuse it
   */
  public List<List<Guess>> fill(String text, int count) {
    if (count < 1 || count > runtime.model().config().vocabSize()) {
      throw new IllegalArgumentException(
          "count is " + count + ", not in 1 to " + runtime.model().config().vocabSize());
    }
    Encoding encoding = runtime.encode(text);
    int[] ids = encoding.ids();
    int[] masks = IntStream.range(0, ids.length).filter(t -> ids[t] == maskId).toArray();
    if (masks.length == 0) {
      throw new IllegalArgumentException("no " + maskToken + " among the tokens of the text");
    }
    return runtime.call(workspace -> {
      MemorySegment scores = probabilities(encoding, masks, workspace);
      List<List<Guess>> guesses = new ArrayList<>();
      for (int m = 0; m < masks.length; m++) {
        guesses.add(best(scores, m, ids, masks, count));
      }
      return guesses;
    });
  }

  /** The probabilities {@code [masks, vocab]}. The head is evaluated for the masks only. */
  private MemorySegment probabilities(Encoding encoding, int[] masks, Workspace workspace) {
    long hidden = runtime.model().config().hiddenSize();
    long vocab = runtime.model().config().vocabSize();
    TokenBatch batch = runtime.only(encoding, workspace);
    MemorySegment x = runtime.model().bert().forward(batch, workspace);
    MemorySegment rows = workspace.floats(MASKED, masks.length * hidden);
    for (int m = 0; m < masks.length; m++) {
      runtime.kernels().memory().copy(x, masks[m] * hidden, rows, m * hidden, hidden);
    }
    MemorySegment logits = runtime.model().logits(rows, masks.length, workspace);
    runtime.kernels().norm().softmax(logits, logits, masks.length, vocab);
    return runtime.kernels().memory().onHost(logits, masks.length * vocab, workspace);
  }

  private List<Guess> best(MemorySegment scores, int mask, int[] ids, int[] masks, int count) {
    long row = (long) mask * runtime.model().config().vocabSize();
    Comparator<Integer> byScore =
        Comparator.comparingDouble(id -> scores.getAtIndex(JAVA_FLOAT, row + id));
    PriorityQueue<Integer> best = new PriorityQueue<>(byScore);
    for (int id = 0; id < runtime.model().config().vocabSize(); id++) {
      best.add(id);
      if (best.size() > count) {
        best.remove();
      }
    }
    return best.stream()
        .sorted(byScore.reversed())
        .map(id -> guess(id, scores.getAtIndex(JAVA_FLOAT, row + id), ids, masks, mask))
        .toList();
  }

  private Guess guess(int id, float score, int[] ids, int[] masks, int mask) {
    int[] filled = ids.clone();
    filled[masks[mask]] = id;
    // With one mask, special tokens are skipped. With several, that would hide the remaining masks.
    String text = runtime.tokenizer().decode(filled, masks.length == 1);
    return new Guess(runtime.tokenizer().decode(new int[] {id}, false).strip(), id, score, text);
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
