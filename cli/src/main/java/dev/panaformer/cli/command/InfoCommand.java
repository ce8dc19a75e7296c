package dev.panaformer.cli.command;

import dev.panaformer.Device;
import dev.panaformer.ModelOptions;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.ModelFolder.SentenceModules;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.conversion.DefaultModel;
import dev.panaformer.cli.terminal.Failure;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Progress;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.model.ModelConfig;
import dev.panaformer.model.ModelConfig.Figures;
import dev.panaformer.model.ModelKind;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.nn.weights.NonFiniteWeights;
import dev.panaformer.nn.weights.QuantizedWeights;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.Tensor;
import dev.panaformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Describes a checkpoint and what would evaluate it on this machine. */
@Command(
    name = "info",
    description = "Print what a model consists of and what computes it on this machine.",
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:The model can be run, and with --check all of its weights are finite.",
      "1:It cannot, or a weight is NaN or infinite.",
      "2:Wrong usage."
    })
public final class InfoCommand implements Callable<Integer> {
  private static final int RUNS = 0;
  private static final int DOES_NOT_RUN = 1;

  @Mixin private Output output;
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer. Default: all-MiniLM-L6-v2.")
  private Path model;

  @Option(names = "--check", description = "Read all weights and name those that are not finite.")
  private boolean check;

  /**
   * What the weights of a loaded model take.
   *
   * @param precision what they are packed in
   * @param bytes of all that the model reads when it runs
   * @param ofFp32 their share of what all parameters take in float32
   */
  private record Resident(String precision, long bytes, double ofFp32) {}

  /**
   * @param parameters elements of all floating-point tensors
   * @param bytes of all tensors, as the checkpoint stores them
   * @param maxTokens the longest text that is read
   * @param resident null unless a precision was asked for
   * @param tokenizer null for models of images
   * @param pooling null where the folder says nothing of it
   * @param sharing null unless layers share weights
   * @param problem why the model cannot be run, or null
   * @param nonFinite null unless weights were checked
   */
  private record Info(
      String model,
      String architecture,
      Integer layers,
      Integer hidden,
      Integer heads,
      Integer intermediate,
      Integer vocabulary,
      Integer maxTokens,
      int tensors,
      long parameters,
      long bytes,
      List<String> dtypes,
      Resident resident,
      String tokenizer,
      String pooling,
      Sharing sharing,
      String computes,
      List<String> devices,
      String problem,
      List<NonFiniteWeights> nonFinite)
      implements Result {
    @Override
    public void print(PrintWriter out) {
      row(out, "model", model);
      row(out, "architecture", architecture);
      if (problem != null) {
        row(out, "cannot be run", problem);
      } else if (layers != null) {
        row(
            out,
            "shape",
            String.format(
                "%d layers, %d hidden, %d heads, %d intermediate, %d words, %d tokens at most",
                layers, hidden, heads, intermediate, vocabulary, maxTokens));
      }
      row(out, "parameters", String.format(Locale.ROOT, "%,d", parameters));
      row(
          out,
          "weights",
          String.format(
              Locale.ROOT,
              "%,d bytes in %d tensors of %s",
              bytes,
              tensors,
              String.join(", ", dtypes)));
      if (sharing != null) {
        row(
            out,
            "memory",
            String.format(
                Locale.ROOT,
                "%,d bytes packed: %d layers share the weights of %d, apart they would make it %,d",
                sharing.memory,
                sharing.layers,
                sharing.own,
                sharing.apart));
      }
      if (resident != null) {
        row(
            out,
            "resident",
            String.format(
                Locale.ROOT,
                "%,d bytes in %s, %.3f of all parameters in fp32",
                resident.bytes,
                resident.precision,
                resident.ofFp32));
      }
      if (tokenizer != null) {
        row(out, "tokenizer", tokenizer);
      }
      if (pooling != null) {
        row(out, "pooling", pooling);
      }
      row(out, "computes", computes);
      devices.forEach(device -> row(out, "devices", device));
      if (nonFinite != null) {
        row(out, "check", nonFinite.isEmpty() ? "all weights are finite" : "failed");
        for (NonFiniteWeights tensor : nonFinite) {
          row(
              out,
              "",
              String.format(
                  "%s: %d of %d elements are NaN or infinite",
                  tensor.tensor(), tensor.count(), tensor.elements()));
        }
      }
    }
  }

  @Override
  public Integer call() throws IOException {
    ModelFolder folder = ModelFolder.open(model == null ? DefaultModel.folder() : model);
    Info info = info(folder);
    output.print(info);
    boolean sound = info.nonFinite == null || info.nonFinite.isEmpty();
    return info.problem == null && sound ? RUNS : DOES_NOT_RUN;
  }

  private Info info(ModelFolder folder) {
    ConfigJson json = folder.config();
    ModelConfig config = null;
    String problem = null;
    try {
      config = ModelConfig.of(json);
    } catch (UnsupportedModelException e) {
      problem = e.getMessage();
    }
    int tensors = 0;
    long parameters = 0;
    long bytes = 0;
    TreeSet<String> dtypes = new TreeSet<>();
    List<NonFiniteWeights> nonFinite;
    Resident resident = null;
    try (Checkpoint weights = folder.openWeights()) {
      for (String name : weights.names()) {
        try (Arena arena = Arena.ofConfined()) {
          Tensor tensor = weights.tensor(name, arena);
          tensors++;
          parameters += tensor.dtype().isFloat() ? tensor.elements() : 0;
          bytes += tensor.elements() * tensor.dtype().bytes();
          dtypes.add(tensor.dtype().toString());
        }
      }
      parameters += QuantizedWeights.of(weights).map(QuantizedWeights::parameters).orElse(0L);
      nonFinite = check ? check(weights) : null;
      if (compute.precision().isPresent() && problem == null) {
        resident = resident(config, weights, parameters);
      }
    }
    Figures figures = config == null ? null : config.figures().orElse(null);
    return new Info(
        folder.path().toString(),
        ModelConfig.name(json),
        figures == null ? null : figures.layers(),
        figures == null ? null : figures.hidden(),
        figures == null ? null : figures.heads(),
        figures == null ? null : figures.intermediate(),
        figures == null ? null : figures.vocabulary(),
        figures == null ? null : maxTokens(folder, config, figures),
        tensors,
        parameters,
        bytes,
        List.copyOf(dtypes),
        resident,
        ModelKind.VISION.includes(json) ? null : tokenizer(folder),
        folder.sentenceModules().map(InfoCommand::pooling).orElse(null),
        config instanceof BertConfig bert && bert.sharesLayers() ? sharing(folder, bert) : null,
        computes(),
        Device.describeAll(),
        problem,
        nonFinite);
  }

  /**
   * Layers that share weights, which are packed once.
   *
   * @param memory bytes that the model takes
   * @param apart bytes that it would take if each layer had weights of its own
   */
  private record Sharing(int layers, int own, long memory, long apart) {}

  /** Loads the model to see what it takes. */
  private Sharing sharing(ModelFolder folder, BertConfig config) {
    long own = 0;
    try (Kernels kernels = open();
        NativeMemory memory = kernels.memory().allocator(new NativeMemory());
        Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames())) {
      config.load(weights);
      for (String name : checkpoint.names()) {
        try (Arena arena = Arena.ofConfined()) {
          boolean layer = name.contains("albert_layer_groups");
          own += layer ? Float.BYTES * checkpoint.tensor(name, arena).elements() : 0;
        }
      }
      int groups = config.numHiddenGroups();
      return new Sharing(
          config.numHiddenLayers(),
          groups,
          memory.bytes(),
          memory.bytes() + own / groups * (config.numHiddenLayers() - groups));
    }
  }

  /** Loads the model: whether it can be run shows only then. */
  private Resident resident(ModelConfig config, Checkpoint checkpoint, long parameters) {
    ModelOptions options = compute.options();
    try (Kernels kernels = options.compute().openKernels();
        // As decoders have it, which give back there what dense weights do not take.
        NativeMemory memory = kernels.memory().allocator(NativeMemory.onHugePages());
        Weights weights =
            new Weights(
                checkpoint,
                kernels,
                memory,
                config.weightNames(),
                options.compute().precision().weightFormat())) {
      config.load(weights);
      return new Resident(
          weights.precision().toString(),
          memory.bytes(),
          (double) memory.bytes() / (Float.BYTES * parameters));
    }
  }

  /** Tokens that a text may have: the model's, or fewer where the folder of an encoder says so. */
  private static int maxTokens(ModelFolder folder, ModelConfig config, Figures figures) {
    return config.kind() == ModelKind.ENCODER
        ? Math.min(figures.maxTokens(), folder.maxSequenceLength().orElse(Integer.MAX_VALUE))
        : figures.maxTokens();
  }

  private static List<NonFiniteWeights> check(Checkpoint weights) {
    List<NonFiniteWeights> found = new ArrayList<>();
    try (Progress progress = Progress.of("Checking", weights.names().size())) {
      for (String name : weights.names()) {
        NonFiniteWeights.in(weights, name).ifPresent(found::add);
        progress.advance(1);
      }
    }
    return found;
  }

  private static String tokenizer(ModelFolder folder) {
    try {
      return Tokenizer.load(folder.transformer()).vocabularySize() + " tokens";
    } catch (RuntimeException e) {
      return Failure.sentence(e);
    }
  }

  private static String pooling(SentenceModules modules) {
    return modules.pooling().name().toLowerCase(Locale.ROOT)
        + (modules.normalize() ? ", normalised" : "");
  }

  private String computes() {
    try (Kernels kernels = open()) {
      return kernels.description();
    }
  }

  private Kernels open() {
    return compute.options().compute().openKernels();
  }

  private static void row(PrintWriter out, String name, String value) {
    out.printf("%-14s %s%n", name, value);
  }
}
