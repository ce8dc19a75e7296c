package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.text.BertForMaskedLM;
import dev.panaformer.runtime.ModelRuntime;
import dev.panaformer.runtime.TextRuntime;
import dev.panaformer.tokenizer.ControlTokens;
import dev.panaformer.tokenizer.Encoding;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/** Predicts the masked words of a text: {@code Paris is the [MASK] of France.} */
public final class FillMask implements Model {
  private static final Buffer MASKED = Buffer.named("hidden states of masks");

  /** The number of masks that the head is evaluated for at a time. It bounds the memory. */
  private static final int HEAD_ROWS = 64;

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

  private FillMask(TextRuntime<BertForMaskedLM> runtime) {
    this.runtime = runtime;
    this.maskToken =
        MASK_TOKENS.stream()
            .filter(token -> runtime.tokenizer().id(token).isPresent())
            .findFirst()
            .orElseThrow(() ->
                new CheckpointException(
                    runtime.name() + ": the tokenizer has none of " + MASK_TOKENS));
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
    return ModelRuntime.task(
        TextRuntime.load(
            folder, options.compute().settings(), options.limits(), BertForMaskedLM::load),
        FillMask::new);
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
    return fillAll(Collections.singletonList(text), count).getFirst();
  }

  /**
   * The predictions for each mask of each text, in the order of the texts. The scores have the same
   * bits as those of {@link #fill}.
   *
   * @param texts each contains at least one {@link #maskToken}
   * @param count the number of predictions for each mask
   * @throws IllegalArgumentException if the tokens that are read of a text contain no mask; or if a
   *     text is too long and the options say to refuse it; the message names the index of the text
   */
  public List<List<List<Guess>>> fillAll(List<String> texts, int count) {
    int vocab = runtime.model().config().vocabSize();
    if (count < 1 || count > vocab) {
      throw new IllegalArgumentException("count is " + count + ", expected 1 to " + vocab);
    }
    List<Encoding> encodings = TextRuntime.encodeAll(texts, this::masked);
    return runtime.call(workspace -> {
      List<List<List<Guess>>> results = new ArrayList<>(texts.size());
      runtime.inBatches(
          encodings,
          workspace,
          (first, batch) -> {
            List<Mask> masks = new ArrayList<>();
            for (int s = 0; s < batch.sequences(); s++) {
              List<List<Guess>> guesses = new ArrayList<>();
              results.add(guesses);
              int[] ids = encodings.get(first + s).ids();
              for (int place : places(ids)) {
                masks.add(new Mask(ids, place, batch.start(s) + place, guesses));
              }
            }
            fill(masks, batch, count, workspace);
          });
      return results;
    });
  }

  private Encoding masked(String text) {
    Encoding encoding = runtime.encode(text, ControlTokens.only(maskToken::equals));
    if (places(encoding.ids()).length == 0) {
      throw new IllegalArgumentException("no " + maskToken + " among the tokens of the text");
    }
    return encoding;
  }

  private int[] places(int[] ids) {
    return IntStream.range(0, ids.length).filter(t -> ids[t] == maskId).toArray();
  }

  /**
   * A mask of a text.
   *
   * @param ids the tokens of the text
   * @param place the index of the mask in {@code ids}
   * @param row the row of the mask in the batch
   * @param guesses receives the predictions for each mask of the text, in their order
   */
  private record Mask(int[] ids, int place, int row, List<List<Guess>> guesses) {}

  private void fill(List<Mask> masks, TokenBatch batch, int count, Workspace workspace) {
    MemorySegment x = runtime.model().bert().forward(batch, workspace);
    for (int first = 0; first < masks.size(); first += HEAD_ROWS) {
      List<Mask> some = masks.subList(first, Math.min(first + HEAD_ROWS, masks.size()));
      MemorySegment scores = probabilities(x, some, workspace);
      for (int row = 0; row < some.size(); row++) {
        some.get(row).guesses().add(best(scores, row, some.get(row), count));
      }
    }
  }

  /** The probabilities {@code [masks, vocab]}. The head is evaluated for the masks only. */
  private MemorySegment probabilities(MemorySegment x, List<Mask> masks, Workspace workspace) {
    long hidden = runtime.model().config().hiddenSize();
    long vocab = runtime.model().config().vocabSize();
    MemorySegment rows = workspace.floats(MASKED, masks.size() * hidden);
    for (int m = 0; m < masks.size(); m++) {
      runtime.kernels().memory().copy(x, masks.get(m).row() * hidden, rows, m * hidden, hidden);
    }
    MemorySegment logits = runtime.model().logits(rows, masks.size(), workspace);
    runtime.kernels().norm().softmax(logits, logits, masks.size(), vocab);
    return runtime.kernels().memory().onHost(logits, masks.size() * vocab, workspace);
  }

  private List<Guess> best(MemorySegment scores, int row, Mask mask, int count) {
    int vocab = runtime.model().config().vocabSize();
    long start = (long) row * vocab;
    Comparator<Integer> byScore =
        Comparator.comparingDouble(id -> scores.getAtIndex(JAVA_FLOAT, start + id));
    PriorityQueue<Integer> best = new PriorityQueue<>(byScore);
    for (int id = 0; id < vocab; id++) {
      best.add(id);
      if (best.size() > count) {
        best.remove();
      }
    }
    return best.stream()
        .sorted(byScore.reversed())
        .map(id -> guess(id, scores.getAtIndex(JAVA_FLOAT, start + id), mask))
        .toList();
  }

  private Guess guess(int id, float score, Mask mask) {
    int[] filled = mask.ids().clone();
    filled[mask.place()] = id;
    // With one mask, special tokens are skipped. With several, that would hide the remaining masks.
    String text = runtime.tokenizer().decode(filled, places(mask.ids()).length == 1);
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
