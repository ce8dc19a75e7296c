package dev.panaformer;

import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.schedule.TokenScores;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.decoder.Seq2SeqModel;
import dev.panaformer.runtime.GenerationRuntime;
import dev.panaformer.runtime.ModelRuntime;
import dev.panaformer.tokenizer.ControlTokens;
import dev.panaformer.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * Generates a target text from a source text, such as a translation or a summary: T5, BART, mBART,
 * Marian, Pegasus.
 *
 * <pre>{@code
 * try (var model = Seq2Seq.load(folder)) {
 *   String text = model.generate("translate English to German: That is good.");
 * }
 * }</pre>
 *
 * <p>All generations of a model are evaluated together: each step generates one token of every
 * text. A source is encoded once, and all beams share its keys and values. The result of a
 * generation is the same, to the last bit, whatever other generations run.
 */
public final class Seq2Seq implements Model {
  /** The spelling of the language tokens of mBART. */
  private static final Pattern LANGUAGE = Pattern.compile("[a-z]{2,3}_[A-Z]{2}");

  private final GenerationRuntime<Seq2SeqModel> runtime;
  private final Seq2SeqConfig config;

  /** What the objectives of these models put into a text. */
  private static final ControlTokens DENOISING_TOKENS =
      ControlTokens.only(
          Pattern.compile("<extra_id_\\d+>|<mask(_\\d+)?>|\\[MASK\\d*]").asMatchPredicate());

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
   * Loads an encoder-decoder. If the folder has no tokenizer, the model can be used with token ids
   * only.
   *
   * @param options the options; the key-value cache holds both sources and generated texts
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  public static Seq2Seq load(Path folder, CausalLMOptions options) {
    return ModelRuntime.task(
        GenerationRuntime.encoderDecoder(folder, options.compute().settings(), options.limits()),
        Seq2Seq::new);
  }

  /**
   * The options that the folder's generation_config.json or config.json recommends. Use {@link
   * GenerationOptions#toBuilder} to change them.
   */
  public GenerationOptions options() {
    return runtime.options();
  }

  /** Generates the target of a source with {@link #options}, and waits until it is complete. */
  public String generate(String source) {
    return generate(source, options());
  }

  /**
   * Generates the target of a source, and waits until it is complete.
   *
   * @throws IllegalArgumentException if the source has no tokens, or more than {@link
   *     #maxSourceTokens}
   */
  public String generate(String source, GenerationOptions options) {
    return stream(source, options).result().text();
  }

  /**
   * Translates a text. The model's tokenizer must have a token for each language, as that of mBART
   * has.
   *
   * @param from the language token of the source, for example {@code en_XX}
   * @param to the language token of the target, for example {@code de_DE}
   * @throws IllegalArgumentException if there is no token for a language, or the tokenizer does not
   *     add a language token to texts
   */
  public String translate(String source, String from, String to) {
    int target = language(to);
    int[] ids = fromLanguage(tokenize(source), language(from));
    if (isLanguage(startToken())) {
      return runtime
          .schedule(scheduler -> scheduler.generate(ids, new int[] {target}, options()))
          .result()
          .text();
    }
    return stream(ids, options().toBuilder().forcedStart(target).build()).result().text();
  }

  /** The id of a language token. */
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

  /**
   * Replaces the language token that the tokenizer has added at the beginning or at the end of the
   * source. The tokenizer always adds that of the one language that its file names.
   */
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

  /** Generates the targets of several sources together, in the order of the sources. */
  public List<String> generateAll(List<String> sources, GenerationOptions options) {
    List<Generation> generations = sources.stream().map(s -> stream(s, options)).toList();
    return generations.stream().map(g -> g.result().text()).toList();
  }

  /** Starts to generate the target of a source, and returns immediately. */
  public Generation stream(String source, GenerationOptions options) {
    if (source.isBlank()) {
      throw new IllegalArgumentException(name + ": a source without text");
    }
    return stream(tokenize(source), options);
  }

  /**
   * Starts to generate the target of a source that is already tokenized, and returns immediately.
   *
   * @param source the ids as {@link #tokenize} returns them
   * @throws IllegalArgumentException if there are no ids, or more than {@link #maxSourceTokens}
   * @throws IndexOutOfBoundsException if an id is outside the encoder's vocabulary
   * @throws dev.panaformer.generate.CacheExhaustedException if the whole cache is too small
   */
  public Generation stream(int[] source, GenerationOptions options) {
    requireSourceIds(source);
    int[] start = {startToken()};
    return runtime.schedule(scheduler -> scheduler.generate(source, start, options));
  }

  /**
   * The token that every generated text begins with. Results do not contain it.
   *
   * @throws IllegalStateException if the folder does not define it
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
   * The mean cross-entropy of the tokens of a target, in nats: the training objective of these
   * models.
   */
  public double loss(String source, String target) {
    return score(tokenize(source), tokenize(target)).loss();
  }

  /**
   * Computes the log-probability of each token of a target.
   *
   * @param target the target with its end token, without a start token
   * @return the scores of the start token and the tokens of the target
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
    TokenScores scored = runtime.schedule(scheduler -> scheduler.tokenScores(source, ids, 1));
    System.arraycopy(scored.logProbabilities(), 0, scores, 1, target.length);
    System.arraycopy(scored.best(), 0, best, 1, target.length);
    return new TextScore(ids, scores, best);
  }

  /** Computes the cross-attention of each target token to the source tokens. */
  public AttentionMap attention(String source, String target) {
    return attention(tokenize(source), tokenize(target));
  }

  /**
   * Computes the cross-attention of each target token to the source tokens, for texts that are
   * already tokenized.
   *
   * @param target the target with its end token, without a start token
   * @throws IllegalArgumentException if source or target has no tokens, or too many
   * @throws IndexOutOfBoundsException if an id is outside its vocabulary
   * @throws IllegalStateException if the model is closed
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
   * Encodes a text to token ids, with the special tokens that the model's tokenizer adds around it.
   * In the text, sentinels such as {@code <extra_id_0>} and the mask token are recognised. Other
   * control tokens are encoded as the characters that they are written with.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public int[] tokenize(String text) {
    return runtime.ids(text, DENOISING_TOKENS);
  }

  /**
   * Decodes token ids to text, without special tokens.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public String decode(int[] ids) {
    return runtime.decode(ids);
  }

  /**
   * The spelling of a token in the vocabulary.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public String token(int id) {
    return runtime.tokenize(tokenizer -> tokenizer.token(id));
  }

  /** The maximum number of tokens in a source. */
  public int maxSourceTokens() {
    return runtime.sourceLength();
  }

  /** The number of decoder layers, which is the number of layers in an {@link AttentionMap}. */
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
