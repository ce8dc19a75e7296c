package dev.panaformer.cli.command;

import dev.panaformer.CausalLM;
import dev.panaformer.CausalLMOptions;
import dev.panaformer.ModelOptions;
import dev.panaformer.Precision;
import dev.panaformer.TextEmbedder;
import dev.panaformer.TextScore;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.arguments.TextArguments;
import dev.panaformer.cli.arguments.TextReader;
import dev.panaformer.cli.conversion.DefaultModel;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Progress;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import dev.panaformer.cli.verify.Cosine;
import dev.panaformer.model.ModelKind;
import dev.panaformer.nn.weights.QuantizedWeights;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Compares a model in low precision with itself in float32, over the user's texts. */
@Command(
    name = "compare",
    description = {
      "Compare a model in low precision with itself in float32, over texts, one a line.",
      "Of an encoder: how far its vectors turn, and whether they have the same neighbours.",
      "Of a decoder: perplexity, and how often both think the same token likeliest."
    })
public final class CompareCommand implements Callable<Integer> {
  private static final int TEXTS_AT_ONCE = 64;

  /** How many nearest neighbours of a text are compared. */
  private static final int NEIGHBOURS = 10;

  @Mixin private Output output;
  @Mixin private TextArguments texts;
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer. Default: all-MiniLM-L6-v2.")
  private Path model;

  /**
   * @param minCosine of a text's two vectors, with that of {@code worst}
   * @param largestDifference of an element
   * @param sameNearest the share of texts whose nearest neighbour is the same
   * @param sameNeighbours the share of the nearest few that are the same; both null for one text
   */
  private record Vectors(
      String model,
      String precision,
      int texts,
      double minCosine,
      double meanCosine,
      String worst,
      double largestDifference,
      Double sameNearest,
      Double sameNeighbours)
      implements Result {
    @Override
    public void print(PrintWriter out) {
      row(out, "texts", "%d, %s against fp32", texts, precision);
      row(out, "cosine", "min %.6f, mean %.6f", minCosine, meanCosine);
      row(out, "worst", "%s", worst);
      row(out, "difference", "%.6f at most", largestDifference);
      if (sameNearest != null) {
        row(
            out,
            "neighbours",
            "the nearest is the same for %.2f %%, of the nearest %d are %.2f %%",
            100 * sameNearest,
            Math.min(NEIGHBOURS, texts - 1),
            100 * sameNeighbours);
      }
    }
  }

  /**
   * @param tokens that were predicted
   * @param sameBest the share of them where both thought the same token likeliest
   * @param largestDifference of a token's log-probabilities
   */
  private record Predictions(
      String model,
      String precision,
      int texts,
      int tokens,
      double perplexityFp32,
      double perplexity,
      double sameBest,
      double largestDifference)
      implements Result {
    @Override
    public void print(PrintWriter out) {
      row(out, "texts", "%d of %d tokens, %s against fp32", texts, tokens, precision);
      row(out, "perplexity", "%.4f, in fp32 %.4f", perplexity, perplexityFp32);
      row(out, "likeliest", "the same token in %.2f %% of places", 100 * sameBest);
      row(out, "difference", "%.6f of a log-probability at most", largestDifference);
    }
  }

  @Override
  public Integer call() throws IOException {
    Precision precision = compute.precision().orElse(Precision.FP32);
    if (precision == Precision.FP32) {
      throw new UsageException("--precision is needed: bf16, int8, int4 or int4-128");
    }
    Path path = model == null ? DefaultModel.folder() : model;
    ModelFolder folder = ModelFolder.open(path);
    requireComparable(folder);
    compute.options(); // refuses wrong values before texts are read
    List<String> all;
    try (TextReader<String> reader = texts.open()) {
      all = reader.all();
    }
    if (all.isEmpty()) {
      throw new IllegalArgumentException("no texts to compare over");
    }
    if (ModelKind.DECODER.includes(folder.config())) {
      output.print(predictions(path, precision, all));
    } else {
      output.print(vectors(path, precision, all));
    }
    return 0;
  }

  private static void requireComparable(ModelFolder folder) {
    ModelKind.of(folder.config())
        .filter(kind -> kind != ModelKind.ENCODER && kind != ModelKind.DECODER)
        .ifPresent(kind -> {
          throw new UnsupportedModelException(
              String.format(
                  "%s: the model is of the kind %s, expected %s or %s, which compare is for",
                  folder.path(), kind, ModelKind.ENCODER, ModelKind.DECODER));
        });
    try (Checkpoint weights = folder.openWeights()) {
      QuantizedWeights.of(weights)
          .ifPresent(quantized -> {
            throw new UnsupportedModelException(
                weights.source()
                    + ": was quantized to "
                    + quantized.precision()
                    + ", expected the model that it was made of");
          });
    }
  }

  private Vectors vectors(Path path, Precision precision, List<String> all) {
    float[][] exact = embed(path, Precision.FP32, all);
    float[][] low = embed(path, precision, all);
    double sum = 0;
    double min = Double.POSITIVE_INFINITY;
    double difference = 0;
    int worst = 0;
    for (int i = 0; i < all.size(); i++) {
      double cosine = Cosine.of(exact[i], low[i]);
      sum += cosine;
      // A NaN is the worst there is.
      if (!(cosine >= min)) {
        min = cosine;
        worst = i;
      }
      for (int j = 0; j < exact[i].length; j++) {
        difference = Math.max(difference, Math.abs((double) exact[i][j] - low[i][j]));
      }
    }
    int nearest = 0;
    long shared = 0;
    int count = Math.min(NEIGHBOURS, all.size() - 1);
    for (int i = 0; i < all.size() && count > 0; i++) {
      int[] before = neighbours(exact, i, count);
      int[] after = neighbours(low, i, count);
      nearest += before[0] == after[0] ? 1 : 0;
      for (int a : before) {
        for (int b : after) {
          shared += a == b ? 1 : 0;
        }
      }
    }
    return new Vectors(
        path.toString(),
        precision.toString(),
        all.size(),
        min,
        sum / all.size(),
        all.get(worst),
        difference,
        count > 0 ? (double) nearest / all.size() : null,
        count > 0 ? (double) shared / ((long) count * all.size()) : null);
  }

  private float[][] embed(Path path, Precision precision, List<String> all) {
    ModelOptions options = compute.options().withPrecision(precision);
    try (TextEmbedder embedder = TextEmbedder.load(path, options);
        Progress progress = Progress.of("Embedding in " + precision, all.size())) {
      float[][] vectors = new float[all.size()][];
      for (int from = 0; from < vectors.length; from += TEXTS_AT_ONCE) {
        int to = Math.min(from + TEXTS_AT_ONCE, vectors.length);
        System.arraycopy(embedder.embedAll(all.subList(from, to)), 0, vectors, from, to - from);
        progress.advance(to - from);
      }
      return vectors;
    }
  }

  /** The texts whose vectors are nearest to one, nearest first; of equal ones the first. */
  private static int[] neighbours(float[][] vectors, int of, int count) {
    int[] nearest = new int[count];
    double[] cosines = new double[count];
    int found = 0;
    for (int i = 0; i < vectors.length; i++) {
      if (i == of) {
        continue;
      }
      double cosine = Cosine.of(vectors[of], vectors[i]);
      int place = found;
      while (place > 0 && cosine > cosines[place - 1]) {
        place--;
      }
      if (place < count) {
        found = Math.min(found + 1, count);
        System.arraycopy(cosines, place, cosines, place + 1, found - place - 1);
        System.arraycopy(nearest, place, nearest, place + 1, found - place - 1);
        cosines[place] = cosine;
        nearest[place] = i;
      }
    }
    return nearest;
  }

  private Predictions predictions(Path path, Precision precision, List<String> all) {
    List<TextScore> exact = score(path, Precision.FP32, all);
    List<TextScore> low = score(path, precision, all);
    double likelihoodExact = 0;
    double likelihood = 0;
    double difference = 0;
    int tokens = 0;
    int same = 0;
    for (int t = 0; t < exact.size(); t++) {
      TextScore a = exact.get(t);
      TextScore b = low.get(t);
      likelihoodExact += a.logLikelihood();
      likelihood += b.logLikelihood();
      tokens += a.ids().length - 1;
      for (int i = 1; i < a.ids().length; i++) {
        same += a.best()[i] == b.best()[i] ? 1 : 0;
        difference =
            Math.max(
                difference, Math.abs((double) a.logProbabilities()[i] - b.logProbabilities()[i]));
      }
    }
    if (tokens == 0) {
      throw new IllegalArgumentException("no text has two tokens, which it takes to foresee one");
    }
    return new Predictions(
        path.toString(),
        precision.toString(),
        exact.size(),
        tokens,
        Math.exp(-likelihoodExact / tokens),
        Math.exp(-likelihood / tokens),
        (double) same / tokens,
        difference);
  }

  /** Texts of a single token are left out. */
  private List<TextScore> score(Path path, Precision precision, List<String> all) {
    CausalLMOptions options =
        CausalLMOptions.DEFAULT.withCompute(compute.options().compute()).withPrecision(precision);
    List<TextScore> scores = new ArrayList<>();
    try (CausalLM lm = CausalLM.load(path, options);
        Progress progress = Progress.of("Reading in " + precision, all.size())) {
      for (String text : all) {
        int[] ids = lm.tokenize(text);
        if (ids.length > 1) {
          scores.add(lm.score(ids, Math.max(1, lm.contextLength() / 2)));
        }
        progress.advance(1);
      }
    }
    return scores;
  }

  private static void row(PrintWriter out, String name, String format, Object... values) {
    out.printf("%-14s %s%n", name, String.format(Locale.ROOT, format, values));
  }
}
