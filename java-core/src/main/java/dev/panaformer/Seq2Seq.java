package dev.panaformer;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.generate.Decoder;
import dev.panaformer.generate.Foreseen;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationConfig;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.Scheduler;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.WorkspacePool;
import dev.panaformer.model.CausalConfig;
import dev.panaformer.model.Seq2SeqConfig;
import dev.panaformer.model.Seq2SeqModel;
import dev.panaformer.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * Turns one text into another, a translation or a summary: T5, BART, mBART, Marian, Pegasus.
 *
 * <pre>{@code
 * try (var model = Seq2Seq.load(folder)) {
 *   String text = model.generate("translate English to German: That is good.");
 * }
 * }</pre>
 *
 * <p>All generations of a model run together, each token as it comes; see {@link Scheduler}. A
 * source is read once; beams share what is computed of it. What one generation gives does not
 * depend on the others, to the last bit.
 *
 * <p>Safe for use by any number of platform and virtual threads. {@link #close} waits for the
 * generations under way, unless they are cancelled; later calls throw {@link
 * IllegalStateException}.
 */
public final class Seq2Seq implements AutoCloseable {
  /** How mBART spells the tokens of languages. */
  private static final Pattern LANGUAGE = Pattern.compile("[a-z]{2,3}_[A-Z]{2}");

  private final String name;
  private final Seq2SeqModel model;
  private final ModelResources resources;
  private final Optional<Tokenizer> tokenizer;
  private final Defaults defaults;
  private final Scheduler scheduler;
  private final int maxSourceTokens;
  private final WorkspacePool workspaces;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * What the folder says of generation.
   *
   * @param start the token that every text begins with
   */
  private record Defaults(GenerationOptions options, OptionalInt start, Set<Integer> ends) {}

  private Seq2Seq(
      String name,
      Seq2SeqModel model,
      Defaults defaults,
      ModelResources resources,
      CausalLMOptions options) {
    this.name = name;
    this.model = model;
    this.defaults = defaults;
    this.resources = resources;
    this.tokenizer = resources.tokenizer();
    Decoder decoder = new PagedDecoder(model, options);
    this.workspaces = new WorkspacePool(name, 1, resources.kernels().memory());
    this.maxSourceTokens = decoder.sourceLength();
    Function<int[], String> decode =
        tokenizer.<Function<int[], String>>map(t -> ids -> t.decode(ids, true)).orElse(null);
    this.scheduler =
        new Scheduler(
            name, decoder, defaults.ends, decode, options.maxSequences(), options.stepTokens());
  }

  /** {@link #load(Path, CausalLMOptions)} with {@link CausalLMOptions#DEFAULT}. */
  public static Seq2Seq load(Path folder) {
    return load(folder, CausalLMOptions.DEFAULT);
  }

  /**
   * Loads an encoder-decoder. A folder without a tokenizer does for whoever works with ids.
   *
   * @param options whose cache has room for sources and what is generated
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  public static Seq2Seq load(Path path, CausalLMOptions options) {
    ModelFolder folder = ModelFolder.open(path);
    Seq2SeqConfig config = Seq2SeqConfig.of(folder.config());
    Defaults defaults = defaults(folder, config);
    return ModelResources.load(
        options.backend(),
        options.threads(),
        options.device(),
        NativeMemory.onHugePages(),
        Optional.of(folder.transformer()).filter(CausalLM::hasTokenizer),
        resources ->
            new Seq2Seq(
                path.toString(),
                resources.weights(
                    folder,
                    config.weightNames(),
                    options.precision(),
                    weights -> Seq2SeqModel.load(weights, config)),
                defaults,
                resources,
                options));
  }

  /**
   * generation_config.json where there is one, else config.json and what its family is born with.
   */
  private static Defaults defaults(ModelFolder folder, Seq2SeqConfig config) {
    Path file = folder.transformer().resolve("generation_config.json");
    boolean own = Files.exists(file);
    ConfigJson json = own ? ConfigJson.read(file) : folder.config();
    GenerationOptions options = GenerationConfig.of(json, config.vocabSize());
    OptionalInt forcedEnd = config.defaultForcedEnd();
    boolean said = own || json.json().has("forced_eos_token_id");
    if (!said && forcedEnd.isPresent() && forcedEnd.getAsInt() < config.vocabSize()) {
      options = options.toBuilder().forcedEnd(forcedEnd.getAsInt()).build();
    }
    OptionalInt start = Seq2SeqConfig.id(json, "decoder_start_token_id");
    if (start.isEmpty()) {
      start = config.decoderStartTokenId();
    }
    if (start.isEmpty()) {
      start = Seq2SeqConfig.id(json, "bos_token_id");
    }
    if (start.isPresent() && start.getAsInt() >= config.vocabSize()) {
      throw folder
          .config()
          .wrong("decoder_start_token_id", "an id below vocab_size, " + config.vocabSize());
    }
    Set<Integer> ends = CausalConfig.ids(json, "eos_token_id");
    return new Defaults(options, start, ends.isEmpty() ? config.eosTokenIds() : ends);
  }

  /** What the folder says of how the model generates; to be built upon. */
  public GenerationOptions options() {
    return defaults.options;
  }

  /** The text that answers to a source, by {@link #options}. */
  public String generate(String source) {
    return generate(source, options());
  }

  /**
   * The text that answers to a source. Waits for all of it.
   *
   * @throws IllegalArgumentException if the source has no tokens, or more than {@link
   *     #maxSourceTokens}
   */
  public String generate(String source, GenerationOptions options) {
    return stream(source, options).result().text();
  }

  /**
   * Translates by a model whose tokenizer has a token for each language, such as mBART.
   *
   * @param from the token of the source's language, {@code en_XX} say
   * @param to the token of the target's, {@code de_DE} say
   * @throws IllegalArgumentException if a language has no token, or the tokenizer puts none around
   *     texts
   */
  public String translate(String source, String from, String to) {
    int target = language(to);
    int[] ids = fromLanguage(tokenize(source), language(from));
    if (isLanguage(startToken())) {
      return scheduler.generate(ids, new int[] {target}, options()).result().text();
    }
    return stream(ids, options().toBuilder().forcedStart(target).build()).result().text();
  }

  /** The token of a language, as tokenizer and vocabulary have it. */
  private int language(String code) {
    OptionalInt id = LANGUAGE.matcher(code).matches() ? tokenizer().id(code) : OptionalInt.empty();
    if (id.isEmpty() || id.getAsInt() >= model.config().vocabSize()) {
      throw new IllegalArgumentException(name + ": no token for a language " + code);
    }
    return id.getAsInt();
  }

  private boolean isLanguage(int id) {
    return id < tokenizer().vocabularySize() && LANGUAGE.matcher(token(id)).matches();
  }

  /** The tokenizer marks every text with the one language that its file names: first, or last. */
  private int[] fromLanguage(int[] ids, int language) {
    requireSourceIds(ids);
    for (int i : new int[] {0, ids.length - 1}) {
      if (i >= 0 && isLanguage(ids[i])) {
        ids[i] = language;
        return ids;
      }
    }
    throw new IllegalArgumentException(name + ": its tokenizer puts no language around a text");
  }

  /** The texts that answer to several sources, which are computed together. */
  public List<String> generateAll(List<String> sources, GenerationOptions options) {
    List<Generation> generations = sources.stream().map(s -> stream(s, options)).toList();
    return generations.stream().map(g -> g.result().text()).toList();
  }

  /** Begins to answer to a source, and returns at once. */
  public Generation stream(String source, GenerationOptions options) {
    if (source.isBlank()) {
      throw new IllegalArgumentException(name + ": a source without text");
    }
    return stream(tokenize(source), options);
  }

  /**
   * Begins to answer to a source that is tokenized already, and returns at once.
   *
   * @param source as {@link #tokenize} gives it
   * @throws IllegalArgumentException if there are no ids, or more than {@link #maxSourceTokens}
   * @throws IndexOutOfBoundsException if an id is outside the encoder's vocabulary
   * @throws dev.panaformer.kernel.CacheExhaustedException if the whole cache is too small
   */
  public Generation stream(int[] source, GenerationOptions options) {
    requireSourceIds(source);
    return scheduler.generate(source, new int[] {startToken()}, options);
  }

  /**
   * The token that what is generated begins with, and that no result names.
   *
   * @throws IllegalStateException if the folder does not say
   */
  public int startToken() {
    return defaults.start.orElseThrow(() ->
        new IllegalStateException(
            name + ": neither generation_config.json nor config.json has decoder_start_token_id"));
  }

  private void requireSourceIds(int[] source) {
    int vocabulary = model.config().sourceVocabSize();
    for (int i = 0; i < source.length; i++) {
      if (source[i] < 0 || source[i] >= vocabulary) {
        throw new IndexOutOfBoundsException(
            "token "
                + i
                + " of the source has id "
                + source[i]
                + ", the encoder has "
                + vocabulary);
      }
    }
  }

  /**
   * The mean cross-entropy of a target's tokens, in nats: the objective that these models are
   * trained on.
   */
  public double loss(String source, String target) {
    return score(tokenize(source), tokenize(target)).loss();
  }

  /**
   * How well the model foresees a target.
   *
   * @param target with its end token, without a start token
   * @return its tokens behind the one that the decoder begins with
   * @throws IllegalArgumentException if source or target has no tokens, or too many
   * @throws IndexOutOfBoundsException if an id is outside its vocabulary
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public TextScore score(int[] source, int[] target) {
    requireSourceIds(source);
    if (target.length == 0) {
      throw new IllegalArgumentException(name + ": a target without tokens");
    }
    int[] ids = withStart(target);
    float[] scores = new float[ids.length];
    int[] best = ids.clone();
    Foreseen foreseen = scheduler.foresee(source, ids, 1);
    System.arraycopy(foreseen.logProbabilities(), 0, scores, 1, target.length);
    System.arraycopy(foreseen.best(), 0, best, 1, target.length);
    return new TextScore(ids, scores, best);
  }

  /** What each token of a target looks at in a source. */
  public AttentionMap attention(String source, String target) {
    return attention(tokenize(source), tokenize(target));
  }

  /**
   * What each token of a target looks at in a source.
   *
   * @param target with its end token, without a start token
   * @throws IllegalArgumentException if source or target has no tokens, or too many
   * @throws IndexOutOfBoundsException if an id is outside its vocabulary
   * @throws IllegalStateException if this is closed
   */
  public AttentionMap attention(int[] source, int[] target) {
    requireSourceIds(source);
    requireLength("source", source.length, maxSourceTokens);
    requireLength("target", target.length, model.config().contextLength());
    int[] ids = Arrays.copyOf(withStart(target), target.length);
    for (int id : target) {
      if (id < 0 || id >= model.config().vocabSize()) {
        throw new IndexOutOfBoundsException(
            "the target has id " + id + ", the decoder has " + model.config().vocabSize());
      }
    }
    try (Workspace workspace = workspaces.lease()) {
      return new AttentionMap(source.clone(), ids, model.crossAttentions(source, ids, workspace));
    }
  }

  private void requireLength(String what, int tokens, int most) {
    if (tokens < 1 || tokens > most) {
      throw new IllegalArgumentException(
          name + ": a " + what + " of " + tokens + " tokens, expected 1 to " + most);
    }
  }

  /** A target behind what its decoder begins with. */
  private int[] withStart(int[] target) {
    int[] ids = new int[target.length + 1];
    ids[0] = model.config().startsWithLastToken() ? target[target.length - 1] : startToken();
    System.arraycopy(target, 0, ids, 1, target.length);
    return ids;
  }

  /**
   * The ids of a text, with the special tokens that the model's tokenizer puts around it.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public int[] tokenize(String text) {
    return tokenizer().ids(text);
  }

  /**
   * The text of ids, without special tokens.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public String decode(int[] ids) {
    return tokenizer().decode(ids, true);
  }

  /**
   * The spelling of a token in the vocabulary.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public String token(int id) {
    return tokenizer().token(id);
  }

  private Tokenizer tokenizer() {
    return tokenizer.orElseThrow(() ->
        new IllegalStateException(
            name + " has neither tokenizer.json nor vocab.txt, only ids can be used"));
  }

  /** The most tokens that a source may have. */
  public int maxSourceTokens() {
    return maxSourceTokens;
  }

  /** What the model computes. */
  public Seq2SeqConfig config() {
    return model.config();
  }

  /** What computes it, for people: backend, instruction set, threads. */
  public String description() {
    return resources.kernels().description();
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      workspaces.close();
      scheduler.close();
      resources.close();
    }
  }
}
