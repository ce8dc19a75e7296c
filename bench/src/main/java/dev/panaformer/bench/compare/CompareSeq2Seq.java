package dev.panaformer.bench.compare;

import dev.panaformer.CausalLMOptions;
import dev.panaformer.Precision;
import dev.panaformer.Seq2Seq;
import dev.panaformer.bench.model.Seq2SeqShape;
import dev.panaformer.bench.peer.OnnxRuntimeSeq2Seq;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * Compares T5-small and BART-base, in float32 and with bfloat16 weights, with the same shapes in
 * ONNX Runtime in float32. They read 64 tokens and generate 32, greedily and with four beams. Both
 * sides take turns in one JVM.
 *
 * <p>{@code CompareSeq2Seq [threads…]}
 */
public final class CompareSeq2Seq {
  private static final int ROUNDS = 7;

  /**
   * With fewer rounds, the JIT compiler has not finished the methods that a step calls only once.
   */
  private static final int WARM_UP_ROUNDS = 12;

  private static final int PAUSE_MILLISECONDS = 30;
  private static final int SOURCE_TOKENS = 64;
  private static final int NEW_TOKENS = 32;
  private static final int BEAMS = 4;

  private CompareSeq2Seq() {}

  /** Arguments: the numbers of threads; 1 and 2 by default. */
  public static void main(String[] arguments) throws Exception {
    int[] threads = ThreadArguments.parse(arguments);
    Path cache = Path.of(System.getProperty("java.io.tmpdir"), "panaformer-bench");
    for (Seq2SeqShape shape : new Seq2SeqShape[] {Seq2SeqShape.T5_SMALL, Seq2SeqShape.BART_BASE}) {
      Path folder = shape.panaformer(cache);
      Path encoder = shape.onnxEncoder(cache);
      Path decoder = shape.onnxDecoder(cache);
      for (int count : threads) {
        for (Precision precision : List.of(Precision.FP32, Precision.BF16)) {
          CausalLMOptions options =
              CausalLMOptions.DEFAULT
                  .withThreads(count)
                  .withCacheTokens(4096)
                  .withPrecision(precision);
          try (Seq2Seq model = Seq2Seq.load(folder, options);
              OnnxRuntimeSeq2Seq peer = new OnnxRuntimeSeq2Seq(shape, encoder, decoder, count)) {
            System.out.printf("%s, %s; %s%n", shape.name(), precision, model.description());
            compare(shape, precision, model, peer);
          }
        }
      }
    }
  }

  /** Begins a turn with a pause and an untimed token, as {@link Rounds} does. */
  private static void begin(Seq2Seq model, int[] source) throws Exception {
    Thread.sleep(PAUSE_MILLISECONDS);
    model.stream(source, options(1, 1)).result();
  }

  private static void begin(OnnxRuntimeSeq2Seq peer, int[] source) throws Exception {
    Thread.sleep(PAUSE_MILLISECONDS);
    peer.generate(source, 1, 1);
  }

  private static GenerationOptions options(int beams, int newTokens) {
    return GenerationOptions.builder()
        .maxNewTokens(newTokens)
        .beams(beams)
        .stopAtEndToken(false)
        .build();
  }

  private static void compare(
      Seq2SeqShape shape, Precision precision, Seq2Seq model, OnnxRuntimeSeq2Seq peer)
      throws Exception {
    boolean exact = precision == Precision.FP32;
    double greedyBytes = exact ? shape.screenedStepBytes() : shape.stepBytes() / 2.0;
    double searchBytes = exact ? shape.stepBytes() : shape.stepBytes() / 2.0;
    double[][] first = new double[2][ROUNDS];
    double[][] rest = new double[2][ROUNDS];
    double[][] greedy = new double[2][ROUNDS];
    double[][] searched = new double[2][ROUNDS];
    for (int round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
      int[] source = new Random(round).ints(SOURCE_TOKENS, 0, shape.vocab()).toArray();
      begin(model, source);
      GenerationResult ours = model.stream(source, options(1, NEW_TOKENS)).result();
      begin(peer, source);
      double[] theirs = peer.generate(source, 1, NEW_TOKENS);
      begin(model, source);
      GenerationResult oursByBeams = model.stream(source, options(BEAMS, NEW_TOKENS)).result();
      begin(peer, source);
      double[] theirsByBeams = peer.generate(source, BEAMS, NEW_TOKENS);
      if (round >= 0) {
        first[0][round] = ours.timeToFirstToken().toNanos() * 1e-6;
        first[1][round] = theirs[0] * 1e3;
        rest[0][round] = 1e3 / ours.tokensPerSecond();
        rest[1][round] = (theirs[1] - theirs[0]) * 1e3 / (NEW_TOKENS - 1);
        greedy[0][round] = ours.time().toNanos() * 1e-6;
        greedy[1][round] = theirs[1] * 1e3;
        searched[0][round] = oursByBeams.time().toNanos() * 1e-6;
        searched[1][round] = theirsByBeams[1] * 1e3;
      }
    }
    System.out.println("                             Panaformer   ONNX Runtime");
    row(SOURCE_TOKENS + " read, first token, ms", first);
    row("each of the next, ms", rest);
    row(SOURCE_TOKENS + " read, " + NEW_TOKENS + " greedily, ms", greedy);
    row(SOURCE_TOKENS + " read, " + NEW_TOKENS + " by " + BEAMS + " beams, ms", searched);
    double encode = Rounds.median(first[0]) - Rounds.median(rest[0]);
    System.out.printf(
        Locale.ROOT,
        "  encodes at %.0f GFLOP/s, reads weights at %.1f GB/s in a greedy step (peer %.1f)%n",
        shape.encoderFlops(SOURCE_TOKENS) * 1e-6 / encode,
        greedyBytes * 1e-6 / Rounds.median(rest[0]),
        shape.stepBytes() * 1e-6 / Rounds.median(rest[1]));
    double search = (Rounds.median(searched[0]) - encode) / NEW_TOKENS;
    System.out.printf(
        Locale.ROOT,
        "  a step of %d beams takes %.2f ms: weights at %.1f GB/s%n",
        BEAMS,
        search,
        searchBytes * 1e-6 / search);
  }

  private static void row(String name, double[][] times) {
    System.out.printf(
        Locale.ROOT,
        "%-26s %10.2f %14.2f  %6.2fx%n",
        name,
        Rounds.median(times[0]),
        Rounds.median(times[1]),
        Rounds.ratio(times[1], times[0]));
  }
}
