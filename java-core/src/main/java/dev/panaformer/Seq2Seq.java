package dev.panaformer;

import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.schedule.TokenScores;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.decoder.Seq2SeqModel;
import dev.panaformer.runtime.GenerationRuntime;
import dev.panaformer.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
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
 * <p>All generations of a model are computed together, one token of each in every step. A source is
 * encoded once; beams share its keys and values. The result of a generation does not depend on the
 * others, to the last bit.
 */
public final class Seq2Seq implements Model {
  /** The spelling of the language tokens of mBART. */
  private static final Pattern LANGUAGE = Pattern.compile("[a-z]{2,3}_[A-Z]{2}");

  private final GenerationRuntime<Seq2SeqModel> runtime;
  private final Seq2SeqConfig config;
  private final String name;

  private Seq2Seq(GenerationRuntime<Seq2SeqModel> runtime) {
    this.runtime = runtime;
    this.config = runtime.model().config();
    this.name = runtime.name();
  }

  /** {@link #load(Path, CausalLMOptions)} with {@link CausalLMOptions#DEFAULT}. */
  public static Seq2Seq load(Path folder) {
    return load(folder, CausalLMOptions.DEFAULT);
  }

  /**
   * Loads an encoder-decoder. A folder without a tokenizer is usable with ids.
   *
   * @param options the cache of which holds sources and generated texts
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  public static Seq2Seq load(Path folder, CausalLMOptions options) {
    return new Seq2Seq(
        GenerationRuntime.encoderDecoder(folder, options.compute().settings(), options.limits()));
  }

  /**
   * The options that the folder asks for, in generation_config.json or config.json. To be changed
   * by {@link GenerationOptions#toBuilder}.
   */
  public GenerationOptions options() {
    return runtime.options();
  }

  /** Generates the target of a source by {@link #options}, and waits for all of it. */
  public String generate(String source) {
    return generate(source, options());
  }

  /**
   * Generates the target of a source, and waits for all of it.
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
      return runtime.scheduler().generate(ids, new int[] {target}, options()).result().text();
    }
    return stream(ids, options().toBuilder().forcedStart(target).build()).result().text();
  }

  /** The token of a language, as tokenizer and vocabulary have it. */
  private int language(String code) {
    OptionalInt id =
        LANGUAGE.matcher(code).matches()
            ? runtime.tokenize(tokenizer -> tokenizer.id(code))
            : OptionalInt.empty();
    if (id.isEmpty() || id.getAsInt() >= config.vocabSize()) {
      throw new IllegalArgumentException(name + ": no token for a language " + code);
    }
    return id.getAsInt();
  }

  private boolean isLanguage(int id) {
    return id < runtime.tokenize(Tokenizer::vocabularySize)
        && LANGUAGE.matcher(token(id)).matches();
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

  /** Generates the targets of several sources together, in their order. */
  public List<String> generateAll(List<String> sources, GenerationOptions options) {
    List<Generation> generations = sources.stream().map(s -> stream(s, options)).toList();
    return generations.stream().map(g -> g.result().text()).toList();
  }

  /** Begins to generate the target of a source, and returns at once. */
  public Generation stream(String source, GenerationOptions options) {
    if (source.isBlank()) {
      throw new IllegalArgumentException(name + ": a source without text");
    }
    return stream(tokenize(source), options);
  }

  /**
   * Begins to generate the target of a source that is tokenized already, and returns at once.
   *
   * @param source as {@link #tokenize} gives it
   * @throws IllegalArgumentException if there are no ids, or more than {@link #maxSourceTokens}
   * @throws IndexOutOfBoundsException if an id is outside the encoder's vocabulary
   * @throws dev.panaformer.generate.CacheExhaustedException if the whole cache is too small
   */
  public Generation stream(int[] source, GenerationOptions options) {
    requireSourceIds(source);
    return runtime.scheduler().generate(source, new int[] {startToken()}, options);
  }

  /**
   * The token that every generated text begins with; results do not contain it.
   *
   * @throws IllegalStateException if the folder does not say
   */
  public int startToken() {
    return runtime
        .startToken()
        .orElseThrow(() ->
            new IllegalStateException(
                name
                    + ": neither generation_config.json nor config.json has decoder_start_token_id"));
  }

  private void requireSourceIds(int[] source) {
    int vocabulary = config.sourceVocabSize();
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
   * The log-probabilities that the model gives to the tokens of a target.
   *
   * @param target with its end token, without a start token
   * @return scores of the start token and the tokens of the target
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
    TokenScores scored = runtime.scheduler().tokenScores(source, ids, 1);
    System.arraycopy(scored.logProbabilities(), 0, scores, 1, target.length);
    System.arraycopy(scored.best(), 0, best, 1, target.length);
    return new TextScore(ids, scores, best);
  }

  /** The cross-attention of each token of a target to the tokens of its source. */
  public AttentionMap attention(String source, String target) {
    return attention(tokenize(source), tokenize(target));
  }

  /**
   * The cross-attention of each token of a target to the tokens of its source.
   *
   * @param target with its end token, without a start token
   * @throws IllegalArgumentException if source or target has no tokens, or too many
   * @throws IndexOutOfBoundsException if an id is outside its vocabulary
   * @throws IllegalStateException if this is closed
   */
  public AttentionMap attention(int[] source, int[] target) {
    requireSourceIds(source);
    requireLength("source", source.length, maxSourceTokens());
    requireLength("target", target.length, config.contextLength());
    int[] ids = Arrays.copyOf(withStart(target), target.length);
    for (int id : target) {
      if (id < 0 || id >= config.vocabSize()) {
        throw new IndexOutOfBoundsException(
            "the target has id " + id + ", the decoder has " + config.vocabSize());
      }
    }
    return runtime.call(workspace ->
        new AttentionMap(
            source.clone(), ids, runtime.model().crossAttentions(source, ids, workspace)));
  }

  private void requireLength(String what, int tokens, int most) {
    if (tokens < 1 || tokens > most) {
      throw new IllegalArgumentException(
          name + ": a " + what + " of " + tokens + " tokens, expected 1 to " + most);
    }
  }

  /** The start token, followed by a target. */
  private int[] withStart(int[] target) {
    int[] ids = new int[target.length + 1];
    ids[0] = config.startsWithLastToken() ? target[target.length - 1] : startToken();
    System.arraycopy(target, 0, ids, 1, target.length);
    return ids;
  }

  /**
   * The ids of a text, with the special tokens that the model's tokenizer puts around it.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public int[] tokenize(String text) {
    return runtime.ids(text);
  }

  /**
   * The text of ids, without special tokens.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public String decode(int[] ids) {
    return runtime.decode(ids);
  }

  /**
   * The token with this id, as the vocabulary spells it.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public String token(int id) {
    return runtime.tokenize(tokenizer -> tokenizer.token(id));
  }

  /** The most tokens that a source may have. */
  public int maxSourceTokens() {
    return runtime.sourceLength();
  }

  /** The number of layers of the decoder, which an {@link AttentionMap} has. */
  public int numLayers() {
    return config.numLayers();
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
