package dev.panaformer.cli.command;

import dev.panaformer.CausalLM;
import dev.panaformer.CausalLMOptions;
import dev.panaformer.Seq2Seq;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.arguments.TextFile;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.UsageException;
import dev.panaformer.generate.ContextOverflow;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import dev.panaformer.generate.RankedText;
import dev.panaformer.model.ModelKind;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Continues a prompt, or answers to a source, and prints the text piece by piece. */
@Command(
    name = "generate",
    sortOptions = false,
    description = {
      "Continue a prompt with a decoder, or answer to it with an encoder-decoder (translate,"
          + " summarise), printing the text as it comes.",
      "An encoder-decoder generates as its folder says, but for what is given here."
    })
public final class GenerateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private Output output;
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer.json.")
  private Path model;

  @Option(
      names = {"-p", "--prompt"},
      paramLabel = "TEXT",
      description =
          "What to continue, or to answer to. Without it, or with '-', stdin is read to its end.")
  private String prompt = "-";

  @Option(
      names = {"-n", "--max-new-tokens"},
      paramLabel = "N",
      description = "Generate at most so many tokens. Default: ${DEFAULT-VALUE}.")
  private int maxNewTokens = GenerationOptions.DEFAULT.maxNewTokens();

  @Option(
      names = "--min-new-tokens",
      paramLabel = "N",
      description = "Allow no end token before so many tokens.")
  private int minNewTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "Divide the logits by T and draw a token; 0, the default, takes the best one.")
  private double temperature;

  @Option(names = "--top-k", paramLabel = "K", description = "Draw from the K best; 0 from all.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Draw from the fewest best that have probability P together.")
  private double topP = 1;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description = "Draw from those of at least P times the best one's probability.")
  private double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description = "Divide the logits of tokens that the text holds; 1 for none.")
  private double repetitionPenalty = 1;

  @Option(
      names = "--presence-penalty",
      paramLabel = "X",
      description = "Lower the logits of generated tokens by X.")
  private double presencePenalty;

  @Option(
      names = "--frequency-penalty",
      paramLabel = "X",
      description = "Lower them by X for each time they were generated.")
  private double frequencyPenalty;

  @Option(
      names = "--no-repeat-ngram",
      paramLabel = "N",
      description = "Generate no N tokens that are in the text already in the same order.")
  private int noRepeatNgram;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "The seed of the random draws; the same seed draws the same text.")
  private Long seed;

  @Option(
      names = "--beams",
      paramLabel = "B",
      description = "Search with B beams instead; the text comes at the end.")
  private int beams = 1;

  @Option(
      names = "--n-best",
      paramLabel = "N",
      description = "Of the beam search: print the best N texts, each after its score.")
  private int nBest;

  @Option(
      names = "--length-penalty",
      paramLabel = "X",
      description = "Of the beam search: the exponent of a text's length.")
  private double lengthPenalty = 1;

  @Option(
      names = "--early-stopping",
      description = "Of the beam search: one of ${COMPLETION-CANDIDATES}.")
  private EarlyStopping earlyStopping = GenerationOptions.DEFAULT.earlyStopping();

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End the text before this one. May be repeated.")
  private List<String> stops = new ArrayList<>();

  @Option(
      names = "--time-limit",
      paramLabel = "SECONDS",
      description = "Stop after so many seconds, with the text there is by then.")
  private Double timeLimit;

  @Option(
      names = "--slide",
      description = "Forget the oldest tokens when the context is full, instead of ending.")
  private boolean slide;

  @Option(
      names = "--no-control-tokens",
      description =
          "Read control tokens such as <|im_end|> in the prompt of a decoder as text like any other,"
              + " for prompts with words of strangers.")
  private boolean noControlTokens;

  @Option(
      names = "--stats",
      description =
          "Print to stderr the time to the first token and the tokens per second after it.")
  private boolean stats;

  /**
   * What {@code --json} prints.
   *
   * @param ranking the texts of a beam search, the best first; null unless {@code --n-best}
   * @param secondsToFirstToken from the request, with what the prompt takes
   */
  private record GeneratedText(
      String text,
      int[] ids,
      String finishReason,
      int promptTokens,
      long seed,
      List<RankedText> ranking,
      double secondsToFirstToken,
      double tokensPerSecond,
      String computes) {}

  @Override
  public Integer call() throws IOException {
    CausalLMOptions computed = CausalLMOptions.DEFAULT.withCompute(compute.options().compute());
    String text = prompt.equals("-") ? TextFile.stdin() : prompt;
    if (ModelKind.ENCODER_DECODER.includes(ModelFolder.open(model).config())) {
      try (Seq2Seq seq2seq = Seq2Seq.load(model, computed);
          Generation generation = seq2seq.stream(text, options(seq2seq.options()))) {
        print(generation, seq2seq.description(), "its context is full");
      }
    } else {
      try (CausalLM lm = CausalLM.load(model, computed);
          Generation generation =
              lm.generate(prompt(lm, text), options(GenerationOptions.DEFAULT))) {
        print(generation, lm.description(), fullContext(lm));
      }
    }
    return 0;
  }

  private int[] prompt(CausalLM lm, String text) {
    return noControlTokens ? lm.tokenize(text) : lm.tokenizeWithControlTokens(text);
  }

  private static String fullContext(CausalLM lm) {
    return "its context of " + lm.contextLength() + " tokens is full; --slide goes on";
  }

  private void print(Generation generation, String description, String fullContext) {
    PrintWriter out = output.out();
    if (output.isJson()) {
      output.json(json(generation.result(), description));
    } else if (nBest > 0) {
      for (RankedText text : ranking(generation.result())) {
        out.printf(Locale.ROOT, "%.4f  %s%n", text.score(), text.text());
      }
    } else {
      for (String piece : generation) {
        out.print(piece);
        out.flush();
      }
      out.println();
    }
    out.flush();
    PrintWriter err = output.err();
    if (generation.result().finishReason() == FinishReason.CONTEXT) {
      int generated = generation.result().ids().length;
      err.println("panaformer: the text ends after " + generated + " tokens: " + fullContext);
    }
    if (stats) {
      err.println(stats(generation.result(), description));
    }
    err.flush();
  }

  private List<RankedText> ranking(GenerationResult result) {
    return result.ranking().stream().limit(nBest).toList();
  }

  private GeneratedText json(GenerationResult result, String description) {
    return new GeneratedText(
        result.text(),
        result.ids(),
        result.finishReason().name().toLowerCase(Locale.ROOT),
        result.promptTokens(),
        result.seed(),
        nBest > 0 ? ranking(result) : null,
        result.timeToFirstToken().toNanos() * 1e-9,
        result.tokensPerSecond(),
        description);
  }

  private boolean given(String option) {
    return spec.commandLine().getParseResult().hasMatchedOption(option);
  }

  /** The model's own, with those that the command line names. */
  private GenerationOptions options(GenerationOptions base) {
    GenerationOptions.Builder options =
        base.toBuilder()
            .maxNewTokens(given("--max-new-tokens") ? maxNewTokens : base.maxNewTokens())
            .minNewTokens(given("--min-new-tokens") ? minNewTokens : base.minNewTokens())
            .temperature(given("--temperature") ? temperature : base.temperature())
            .topK(given("--top-k") ? topK : base.topK())
            .topP(given("--top-p") ? topP : base.topP())
            .minP(given("--min-p") ? minP : base.minP())
            .repetitionPenalty(
                given("--repetition-penalty") ? repetitionPenalty : base.repetitionPenalty())
            .presencePenalty(presencePenalty)
            .frequencyPenalty(frequencyPenalty)
            .noRepeatNgram(given("--no-repeat-ngram") ? noRepeatNgram : base.noRepeatNgram())
            .beams(given("--beams") ? beams : base.beams())
            .lengthPenalty(given("--length-penalty") ? lengthPenalty : base.lengthPenalty())
            .earlyStopping(given("--early-stopping") ? earlyStopping : base.earlyStopping())
            .stopStrings(stops)
            .contextOverflow(slide ? ContextOverflow.SLIDE : ContextOverflow.REFUSE);
    int width = given("--beams") ? beams : base.beams();
    if (given("--n-best") && (nBest < 1 || nBest > width)) {
      throw new UsageException("--n-best is " + nBest + ", expected 1 to the number of beams");
    }
    if (given("--max-new-tokens") && !given("--min-new-tokens")) {
      options.minNewTokens(Math.min(base.minNewTokens(), maxNewTokens));
    }
    if (seed != null) {
      options.seed(seed);
    }
    if (timeLimit != null) {
      if (!(timeLimit > 0 && timeLimit <= 365 * 24 * 3600)) {
        throw new UsageException(
            "--time-limit is " + timeLimit + ", expected above 0 and at most a year");
      }
      options.timeLimit(Duration.ofNanos((long) (timeLimit * 1e9)));
    }
    return UsageException.unlessRefused(options::build);
  }

  private static String stats(GenerationResult result, String description) {
    String ended =
        switch (result.finishReason()) {
          case STOP_ID -> "at an end token";
          case STOP_STRING -> "at a stop text";
          case LENGTH -> "at the most tokens asked for";
          case CONTEXT -> "with a full context";
          case DEADLINE -> "at the time limit";
          case CANCELLED -> "when it was cancelled";
        };
    return String.format(
        Locale.ROOT,
        "%d tokens read, first token after %.1f ms; %d generated, then %.1f tokens/s; ended %s;"
            + " seed %d; %s",
        result.promptTokens(),
        result.timeToFirstToken().toNanos() * 1e-6,
        result.ids().length,
        result.tokensPerSecond(),
        ended,
        result.seed(),
        description);
  }
}
