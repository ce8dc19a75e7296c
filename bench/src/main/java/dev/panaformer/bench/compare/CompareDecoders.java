package dev.panaformer.bench.compare;

import dev.panaformer.CausalLM;
import dev.panaformer.CausalLMOptions;
import dev.panaformer.bench.model.Gpt2;
import dev.panaformer.bench.model.Llama;
import dev.panaformer.bench.model.Topology;
import dev.panaformer.bench.peer.LlamaCpp;
import dev.panaformer.bench.peer.OnnxRuntimeGpt2;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * Compares greedy decoding of GPT-2 small with ONNX Runtime, whose key-value cache is passed from
 * run to run. Both sides take turns in one JVM. Then compares eight texts at once with one text,
 * and a small Llama with llama.cpp in the same way.
 *
 * <p>{@code CompareDecoders [threads…]}; {@code -Dpanaformer.peers=} names the folder with
 * gpt2-small.onnx, without which there is no peer to compare with.
 */
public final class CompareDecoders {
  private static final int ROUNDS = 7;
  private static final int WARM_UP_ROUNDS = 4;
  private static final int PAUSE_MILLISECONDS = 30;
  private static final int NEW_TOKENS = 64;
  private static final int PROMPT_TOKENS = 64;
  private static final int CONCURRENT = 8;

  private CompareDecoders() {}

  /** Arguments: the numbers of threads; 1 and 2 by default. */
  public static void main(String[] arguments) throws Exception {
    int[] threads = ThreadArguments.parse(arguments);
    Path cache = Path.of(System.getProperty("java.io.tmpdir"), "panaformer-bench");
    Path folder = Gpt2.panaformer(cache);
    Path topologies = Path.of(System.getProperty("panaformer.peers", "../shared/peers"));
    boolean hasPeer = Files.exists(topologies.resolve("gpt2-small.onnx"));
    for (int count : threads) {
      CausalLMOptions options = CausalLMOptions.DEFAULT.withThreads(count).withCacheTokens(4096);
      try (CausalLM lm = CausalLM.load(folder, options)) {
        System.out.println("GPT-2 small, float32; " + lm.description());
        if (hasPeer) {
          try (OnnxRuntimeGpt2 peer =
              new OnnxRuntimeGpt2(Topology.onnx(topologies, cache, "gpt2-small"), count)) {
            compare(lm, peer);
          }
        }
        concurrent(lm);
      }
      try (CausalLM lm = CausalLM.load(Llama.panaformer(cache), options);
          LlamaCpp peer = new LlamaCpp(Llama.gguf(Llama.panaformer(cache)), count)) {
        System.out.println("Llama of 12 layers of 768, float32; " + lm.description());
        compare(lm, peer);
      }
    }
    LlamaCpp.exit();
  }

  private static GenerationOptions options(int newTokens) {
    return GenerationOptions.builder()
        .temperature(0)
        .maxNewTokens(newTokens)
        .stopAtEndToken(false)
        .build();
  }

  /** Begins a turn with a pause and an untimed token, as {@link Rounds} does. */
  private static void begin(CausalLM lm) throws Exception {
    Thread.sleep(PAUSE_MILLISECONDS);
    lm.generate(prompt(1, 0), options(1)).result();
  }

  private static void begin(OnnxRuntimeGpt2 peer) throws Exception {
    Thread.sleep(PAUSE_MILLISECONDS);
    peer.generate(prompt(1, 0), 1);
  }

  private static int[] prompt(int length, int seed) {
    return new Random(seed).ints(length, 0, Gpt2.VOCAB).toArray();
  }

  private static void compare(CausalLM lm, OnnxRuntimeGpt2 peer) throws Exception {
    System.out.println("                         Panaformer   ONNX Runtime");
    for (int length : new int[] {64, 256}) {
      double[][] times = new double[2][ROUNDS];
      for (int round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
        begin(lm);
        double ours = firstToken(lm.generate(prompt(length, round), options(1)).result());
        begin(peer);
        double theirs = peer.generate(prompt(length, round), 1)[0];
        if (round >= 0) {
          times[0][round] = ours * 1e3;
          times[1][round] = theirs * 1e3;
        }
      }
      row("prefill of " + length + ", ms", times[0], times[1]);
    }
    double[][] times = new double[2][ROUNDS];
    for (int round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
      begin(lm);
      double ours =
          1
              / lm.generate(prompt(PROMPT_TOKENS, round), options(NEW_TOKENS))
                  .result()
                  .tokensPerSecond();
      begin(peer);
      double theirs = peer.generate(prompt(PROMPT_TOKENS, round), NEW_TOKENS)[1] / (NEW_TOKENS - 1);
      if (round >= 0) {
        times[0][round] = ours * 1e3;
        times[1][round] = theirs * 1e3;
      }
    }
    row("decoding, ms a token", times[0], times[1]);
    System.out.printf(
        Locale.ROOT,
        "%-22s %8.2f GB/s %8.2f GB/s%n",
        "  reads weights at",
        Gpt2.SCREENED_STEP_BYTES * 1e-6 / Rounds.median(times[0]),
        Gpt2.STEP_BYTES * 1e-6 / Rounds.median(times[1]));
  }

  private static void compare(CausalLM lm, LlamaCpp peer) throws Exception {
    System.out.println("                         Panaformer      llama.cpp");
    double[][] prefill = new double[2][ROUNDS];
    double[][] decoding = new double[2][ROUNDS];
    for (int round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
      begin(lm);
      GenerationResult ours = lm.generate(llamaPrompt(round), options(NEW_TOKENS)).result();
      Thread.sleep(PAUSE_MILLISECONDS);
      peer.generate(PROMPT_TOKENS, 1);
      double[] theirs = peer.generate(PROMPT_TOKENS, NEW_TOKENS);
      if (round >= 0) {
        prefill[0][round] = firstToken(ours) * 1e3;
        prefill[1][round] = theirs[0] * 1e3;
        decoding[0][round] = 1e3 / ours.tokensPerSecond();
        decoding[1][round] = theirs[1] * 1e3 / (theirs[2] - 1);
      }
    }
    row("first of " + PROMPT_TOKENS + ", ms", prefill[0], prefill[1]);
    row("decoding, ms a token", decoding[0], decoding[1]);
    System.out.println();
  }

  private static int[] llamaPrompt(int seed) {
    return new Random(seed).ints(PROMPT_TOKENS, 0, Llama.VOCAB).toArray();
  }

  private static double firstToken(GenerationResult result) {
    return result.timeToFirstToken().toNanos() * 1e-9;
  }

  private static void row(String name, double[] ours, double[] theirs) {
    System.out.printf(
        Locale.ROOT,
        "%-22s %10.2f %14.2f  %6.2fx%n",
        name,
        Rounds.median(ours),
        Rounds.median(theirs),
        Rounds.ratio(theirs, ours));
  }

  /**
   * Prints the tokens per second of several concurrent texts, including their prompts, compared
   * with a single text.
   */
  private static void concurrent(CausalLM lm) {
    double[] ratios = new double[ROUNDS];
    double[] rates = new double[ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
      double one = tokensPerSecond(lm, 1, round);
      double many = tokensPerSecond(lm, CONCURRENT, round);
      if (round >= 0) {
        rates[round] = many;
        ratios[round] = many / one;
      }
    }
    System.out.printf(
        Locale.ROOT,
        "%d texts at once: %.0f tokens/s, %.2f times those of one%n%n",
        CONCURRENT,
        Rounds.median(rates),
        Rounds.median(ratios));
  }

  private static double tokensPerSecond(CausalLM lm, int texts, int round) {
    long begin = System.nanoTime();
    List<Generation> generations = new ArrayList<>();
    for (int i = 0; i < texts; i++) {
      generations.add(lm.generate(prompt(8, 100 * round + i), options(NEW_TOKENS)));
    }
    generations.forEach(Generation::result);
    return texts * NEW_TOKENS / ((System.nanoTime() - begin) * 1e-9);
  }
}
