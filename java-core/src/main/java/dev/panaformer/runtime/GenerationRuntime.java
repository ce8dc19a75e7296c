package dev.panaformer.runtime;

import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.schedule.Decoder;
import dev.panaformer.generate.schedule.Scheduler;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.model.decoder.CausalConfig;
import dev.panaformer.model.decoder.CausalModel;
import dev.panaformer.model.decoder.LanguageModel;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.decoder.Seq2SeqModel;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tokenizer.ControlTokens;
import dev.panaformer.tokenizer.Tokenizer;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;

/**
 * A loaded model that generates texts. Its scheduler evaluates all generations together on one
 * thread. Other evaluations, such as attention maps, go through {@link #call}.
 */
public final class GenerationRuntime<M extends LanguageModel> extends ModelRuntime<M> {
  private final GenerationDefaults defaults;
  private final Scheduler scheduler;
  private final int contextLength;
  private final int sourceLength;

  private GenerationRuntime(
      ModelFolder folder,
      GenerationDefaults defaults,
      GenerationLimits limits,
      Resources resources,
      M model) {
    super(folder.path().toString(), model, resources, 1);
    this.defaults = defaults;
    Decoder decoder = new PagedDecoder(model, limits);
    this.contextLength = decoder.contextLength();
    this.sourceLength = decoder.sourceLength();
    // The scheduler's thread must not keep this runtime reachable, so the function refers to the
    // tokenizer alone.
    Tokenizer tokenizer = hasTokenizer() ? tokenizer() : null;
    Function<int[], String> decode = tokenizer == null ? null : ids -> tokenizer.decode(ids, true);
    this.scheduler =
        new Scheduler(
            name(), decoder, defaults.ends(), decode, limits.maxSequences(), limits.stepTokens());
    resources.usedBy(scheduler::close);
    scheduler.keepsWhileGenerating(this);
  }

  /**
   * Loads a decoder. If the folder has no tokenizer, the model can be used with token ids only.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  public static GenerationRuntime<CausalModel> decoder(
      Path path, ComputeSettings compute, GenerationLimits limits) {
    return load(() -> {
      ModelFolder folder = ModelFolder.open(path);
      CausalConfig config = CausalConfig.of(folder.config());
      return load(
          folder,
          config.weightNames(),
          weights -> CausalModel.load(weights, config),
          GenerationDefaults.of(folder, config),
          compute,
          limits);
    });
  }

  /** Loads an encoder-decoder. Otherwise like {@link #decoder}. */
  public static GenerationRuntime<Seq2SeqModel> encoderDecoder(
      Path path, ComputeSettings compute, GenerationLimits limits) {
    return load(() -> {
      ModelFolder folder = ModelFolder.open(path);
      Seq2SeqConfig config = Seq2SeqConfig.of(folder.config());
      return load(
          folder,
          config.weightNames(),
          weights -> Seq2SeqModel.load(weights, config),
          GenerationDefaults.of(folder, config),
          compute,
          limits);
    });
  }

  private static <M extends LanguageModel> GenerationRuntime<M> load(
      ModelFolder folder,
      WeightNames names,
      Function<Weights, M> loader,
      GenerationDefaults defaults,
      ComputeSettings compute,
      GenerationLimits limits) {
    return Resources.load(
        compute,
        // Each decoding step reads all weights in order, so huge pages help. Encoders do not
        // benefit, and would load more slowly.
        NativeMemory.onHugePages(),
        Optional.of(folder.transformer()).filter(Tokenizer::isIn),
        resources ->
            new GenerationRuntime<>(
                folder, defaults, limits, resources, resources.weights(folder, names, loader)));
  }

  /**
   * Uses the scheduler, which evaluates all generations of this model. Keeps this runtime reachable
   * until {@code use} returns; a generation that {@code use} starts keeps it reachable until it
   * ends. Computes on the scheduler's thread, so a virtual thread only waits here.
   */
  public <R> R schedule(Function<Scheduler, R> use) {
    try {
      return use.apply(scheduler);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * The generation options that the folder recommends.
   *
   * @throws dev.panaformer.checkpoint.UnsupportedModelException if they are not supported, naming
   *     the field
   */
  public GenerationOptions options() {
    return defaults.options().get();
  }

  /**
   * The token with which an encoder-decoder begins the generated text, if the folder defines it.
   */
  public OptionalInt startToken() {
    return defaults.start();
  }

  /** The tokens that end a text. */
  public Set<Integer> endTokens() {
    return defaults.ends();
  }

  /**
   * The maximum length of a text in tokens: the number of positions of the model, or the capacity
   * of the cache if that is smaller.
   */
  public int contextLength() {
    return contextLength;
  }

  /** The maximum length of a source in tokens; 0 if there is no encoder. */
  public int sourceLength() {
    return sourceLength;
  }

  /**
   * Encodes a text to token ids, including special tokens around it.
   *
   * @param control the control tokens that are recognised in the text
   */
  public int[] ids(String text, ControlTokens control) {
    return tokenize(tokenizer -> tokenizer.ids(text, control));
  }

  /** Decodes token ids to text, without special tokens. */
  public String decode(int[] ids) {
    return tokenize(tokenizer -> tokenizer.decode(ids, true));
  }
}
