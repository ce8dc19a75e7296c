package dev.panaformer.bench.compare;

import dev.panaformer.CausalLM;
import dev.panaformer.CausalLMOptions;
import dev.panaformer.ModelOptions;
import dev.panaformer.Precision;
import dev.panaformer.TextEmbedder;
import dev.panaformer.bench.compare.CompareEncoder.Pass;
import dev.panaformer.bench.encoder.TokenIds;
import dev.panaformer.bench.model.BertBase;
import dev.panaformer.bench.model.GgufType;
import dev.panaformer.bench.model.Gpt2;
import dev.panaformer.bench.model.Llama;
import dev.panaformer.bench.model.MiniLmFolder;
import dev.panaformer.bench.model.Topology;
import dev.panaformer.bench.peer.LlamaCpp;
import dev.panaformer.bench.peer.OnnxRuntimeMiniLm;
import dev.panaformer.bench.peer.OnnxRuntimeMiniLm.Tuning;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;

/**
 * Measures the speed of low precision. All sides take turns in one JVM, as in {@link Rounds}.
 * Encoders: MiniLM in bfloat16 and in 8 bits is compared with ONNX Runtime in float32 and with the
 * model that ONNX Runtime has quantized, and so is the shape of BERT-base. Decoders: the shape of
 * GPT-2 small and a small Llama are compared with Panaformer in float32, and the Llama also with
 * llama.cpp's Q8_0 and Q4_0.
 *
 * <p>{@code ComparePrecision [minilm|bert|gpt2|llama…] [threads…]}; {@code -Dpanaformer.peers=}
 * names the folder with bert-base.onnx, without which BERT-base has no peer.
 */
public final class ComparePrecision {
  private static final List<String> LENGTHS = List.of("8", "16", "32", "64", "128", "256");
  private static final List<String> MIXED = List.of("mixed-8", "mixed-32");
  private static final List<String> ALL = List.of("minilm", "bert", "gpt2", "llama");

  private static final int DECODER_ROUNDS = 5;
  private static final int WARM_UP_ROUNDS = 3;
  private static final int PAUSE_MILLISECONDS = 30;
  private static final int NEW_TOKENS = 48;
  private static final int PROMPT_TOKENS = 64;

  private static final Path CACHE =
      Path.of(System.getProperty("java.io.tmpdir"), "panaformer-bench");
  private static final Path TOPOLOGIES =
      Path.of(System.getProperty("panaformer.peers", "../shared/peers"));

  private ComparePrecision() {}

  /** Arguments: the models, all by default, and the numbers of threads, 1 and 2 by default. */
  public static void main(String[] arguments) throws Exception {
    List<String> models = Arrays.stream(arguments).filter(ALL::contains).toList();
    int[] threads =
        ThreadArguments.parse(
            Arrays.stream(arguments).filter(a -> !ALL.contains(a)).toArray(String[]::new));
    for (int count : threads) {
      for (String model : models.isEmpty() ? ALL : models) {
        switch (model) {
          case "minilm" ->
              encoders(
                  "all-MiniLM-L6-v2",
                  MiniLmFolder.extract(),
                  Map.of("fp32", MiniLmFolder.extract(), "int8", MiniLmFolder.extractQuantized()),
                  count);
          case "bert" -> encoders("BERT-base's shape", BertBase.panaformer(CACHE), bert(), count);
          case "gpt2" -> decoders("GPT-2 small's shape", Gpt2.panaformer(CACHE), Map.of(), count);
          default -> llama(count);
        }
      }
    }
    LlamaCpp.exit();
  }

  private static Map<String, Path> bert() throws Exception {
    return Files.exists(TOPOLOGIES.resolve("bert-base.onnx"))
        ? Map.of("fp32", Topology.onnx(TOPOLOGIES, CACHE, "bert-base"))
        : Map.of();
  }

  // ---- Encoders

  /**
   * @param peers folders with model.onnx, by the precision of their weights: fp32, int8
   */
  private static void encoders(String title, Path folder, Map<String, Path> peers, int threads)
      throws Exception {
    Map<String, Pass> sides = new LinkedHashMap<>();
    List<AutoCloseable> open = new ArrayList<>();
    try {
      for (Precision precision : List.of(Precision.FP32, Precision.BF16, Precision.INT8)) {
        ModelOptions options = ModelOptions.DEFAULT.withThreads(threads).withPrecision(precision);
        TextEmbedder ours = TextEmbedder.load(folder, options);
        open.add(ours);
        sides.put(precision.toString(), CompareEncoder.pass(ours));
      }
      for (String weights : List.of("fp32", "int8")) {
        for (Tuning tuning : List.of(Tuning.DEFAULT, Tuning.TUNED)) {
          if (peers.containsKey(weights)) {
            OnnxRuntimeMiniLm peer = new OnnxRuntimeMiniLm(peers.get(weights), threads, tuning);
            open.add(peer);
            sides.put("ORT " + weights + " " + tuning.title(), peer::run);
          }
        }
      }
      System.out.printf("%s, ms, %d %s%n", title, threads, threads == 1 ? "thread" : "threads");
      compare(sides, peers);
    } finally {
      for (AutoCloseable side : open) {
        side.close();
      }
    }
  }

  /** The time of one side divided by the time of another. */
  private record Ratio(String side, String other) {
    @Override
    public String toString() {
      return side + " / " + other;
    }
  }

  /** Compares the sides. For each input, the faster of the peer's two settings counts. */
  private static void compare(Map<String, Pass> sides, Map<String, Path> peers) throws Exception {
    List<Ratio> ratios = new ArrayList<>();
    List<String> columns = new ArrayList<>(List.of("fp32", "bf16", "int8"));
    if (peers.containsKey("fp32")) {
      columns.add("ORT fp32");
      columns.subList(0, 3).forEach(ours -> ratios.add(new Ratio("ORT fp32", ours)));
    }
    if (peers.containsKey("int8")) {
      columns.add("ORT int8");
      ratios.add(new Ratio("ORT int8", "int8"));
    }
    ratios.add(new Ratio("fp32", "bf16"));
    ratios.add(new Ratio("bf16", "int8"));
    System.out.printf("%-18s", "input");
    columns.forEach(column -> System.out.printf("%10s", column));
    ratios.forEach(ratio -> System.out.printf("%18s", ratio));
    System.out.println();
    for (List<String> inputs : List.of(LENGTHS, MIXED)) {
      double[] logarithms = new double[ratios.size()];
      for (String input : inputs) {
        Map<String, double[]> times = times(sides, columns, TokenIds.named(input));
        System.out.printf("%-18s", inputs == LENGTHS ? input + " tokens" : input);
        times
            .values()
            .forEach(side -> System.out.printf(Locale.ROOT, "%10.3f", Rounds.median(side)));
        for (int i = 0; i < ratios.size(); i++) {
          Ratio ratio = ratios.get(i);
          double value = Rounds.ratio(times.get(ratio.side), times.get(ratio.other));
          logarithms[i] += Math.log(value) / inputs.size();
          System.out.printf(Locale.ROOT, "%18.2f", value);
        }
        System.out.println();
      }
      System.out.printf("%-18s%" + 10 * columns.size() + "s", "geometric mean", "");
      for (double logarithm : logarithms) {
        System.out.printf(Locale.ROOT, "%18.2f", Math.exp(logarithm));
      }
      System.out.println();
    }
    System.out.println();
  }

  /**
   * The milliseconds of each round. Of the sides whose names have the same beginning, the fastest
   * counts.
   */
  private static Map<String, double[]> times(
      Map<String, Pass> sides, List<String> columns, int[][] batch) throws Exception {
    double[][] times =
        Rounds.measure(
            sides.values().stream().map(side -> (Rounds.Turn) () -> side.run(batch)).toList());
    List<String> names = List.copyOf(sides.keySet());
    Map<String, double[]> fastest = new LinkedHashMap<>();
    for (String column : columns) {
      for (int side = 0; side < times.length; side++) {
        if (names.get(side).startsWith(column)) {
          double[] now = times[side];
          fastest.merge(column, now, (a, b) -> Rounds.median(a) <= Rounds.median(b) ? a : b);
        }
      }
    }
    return fastest;
  }

  // ---- Decoders

  private static void llama(int threads) throws Exception {
    Path folder = Llama.panaformer(CACHE);
    Map<String, Path> peers = new LinkedHashMap<>();
    for (GgufType type : List.of(GgufType.F32, GgufType.Q8_0, GgufType.Q4_0)) {
      peers.put("llama.cpp " + type, Llama.gguf(folder, type));
    }
    decoders("Llama of 12 layers of 768", folder, peers, threads);
  }

  /** The seconds up to the first token, and the seconds for each later token. */
  private record Turn(double first, double token) {}

  private static void decoders(String title, Path folder, Map<String, Path> peers, int threads)
      throws Exception {
    Map<String, Callable<Turn>> sides = new LinkedHashMap<>();
    List<AutoCloseable> open = new ArrayList<>();
    try {
      for (Precision precision : Precision.values()) {
        CausalLMOptions options =
            CausalLMOptions.DEFAULT
                .withThreads(threads)
                .withCacheTokens(2 * (PROMPT_TOKENS + NEW_TOKENS))
                .withPrecision(precision);
        CausalLM lm = CausalLM.load(folder, options);
        open.add(lm);
        sides.put(precision.toString(), () -> turn(lm, true));
        if (precision == Precision.FP32 || precision == Precision.BF16) {
          sides.put(precision + ", greedy", () -> turn(lm, false));
        }
      }
      for (Map.Entry<String, Path> file : peers.entrySet()) {
        LlamaCpp peer = new LlamaCpp(file.getValue(), threads);
        open.add(peer);
        sides.put(file.getKey(), () -> turn(peer));
      }
      System.out.printf("%s, %d %s%n", title, threads, threads == 1 ? "thread" : "threads");
      compare(sides);
    } finally {
      for (AutoCloseable side : open) {
        side.close();
      }
    }
  }

  /**
   * @param allLogits requests log-probabilities, so that all precisions compute all logits, as the
   *     peer does. In greedy decoding, the larger precisions use a screen of the head instead.
   */
  private static Turn turn(CausalLM lm, boolean allLogits) {
    int[] prompt = new Random(1).ints(PROMPT_TOKENS, 0, Llama.VOCAB).toArray();
    GenerationOptions options =
        GenerationOptions.builder()
            .temperature(0)
            .maxNewTokens(NEW_TOKENS)
            .stopAtEndToken(false)
            .logProbabilities(allLogits)
            .build();
    GenerationResult result = lm.generate(prompt, options).result();
    return new Turn(result.timeToFirstToken().toNanos() * 1e-9, 1 / result.tokensPerSecond());
  }

  private static Turn turn(LlamaCpp peer) {
    double[] times = peer.generate(PROMPT_TOKENS, NEW_TOKENS);
    return new Turn(times[0], times[1] / (times[2] - 1));
  }

  private static void compare(Map<String, Callable<Turn>> sides) throws Exception {
    List<String> names = List.copyOf(sides.keySet());
    double[][] first = new double[names.size()][DECODER_ROUNDS];
    double[][] token = new double[names.size()][DECODER_ROUNDS];
    for (int round = -WARM_UP_ROUNDS; round < DECODER_ROUNDS; round++) {
      int side = 0;
      for (Callable<Turn> run : sides.values()) {
        Thread.sleep(PAUSE_MILLISECONDS);
        Turn turn = run.call();
        if (round >= 0) {
          first[side][round] = 1e3 * turn.first;
          token[side][round] = 1e3 * turn.token;
        }
        side++;
      }
    }
    System.out.println("                 first of 64, ms   a token, ms   tokens/s   fp32/this");
    for (int side = 0; side < names.size(); side++) {
      System.out.printf(
          Locale.ROOT,
          "%-16s %15.1f %13.2f %10.1f %11.2f",
          names.get(side),
          Rounds.median(first[side]),
          Rounds.median(token[side]),
          1e3 / Rounds.median(token[side]),
          Rounds.ratio(token[names.indexOf("fp32")], token[side]));
      int peer = names.indexOf(peer(names.get(side)));
      if (peer >= 0) {
        System.out.printf(
            Locale.ROOT,
            "   %s takes %.2f times as long",
            names.get(peer),
            Rounds.ratio(token[peer], token[side]));
      }
      System.out.println();
    }
    System.out.println();
  }

  /** The format of llama.cpp with the same number of bits. */
  private static String peer(String precision) {
    return switch (precision) {
      case "fp32" -> "llama.cpp F32";
      case "int8" -> "llama.cpp Q8_0";
      case "int4", "int4-128" -> "llama.cpp Q4_0";
      default -> "";
    };
  }
}
