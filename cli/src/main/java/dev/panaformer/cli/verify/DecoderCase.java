package dev.panaformer.cli.verify;

import dev.panaformer.CausalLM;
import dev.panaformer.CausalLMOptions;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.cli.verify.TracedModel.Output;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.model.decoder.CausalConfig;
import dev.panaformer.model.decoder.CausalModel;
import dev.panaformer.model.decoder.LanguageModel;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A case of a decoder-only model. It compares the forward pass, and the ids that the model
 * generates: greedily ({@code generated}) or by beam search with N beams ({@code generated_beamN}).
 * Beam search stops as soon as N texts have ended.
 */
record DecoderCase(Path folder, ModelFolder model, CausalConfig config, ConfigJson meta) {
  private static final Buffer LOGITS = Buffer.named("logits");
  static final Pattern GENERATED = Pattern.compile("generated(?:_beam(\\d+))?");
  private static final int BLOCK_TOKENS = 16;

  void run(Backends backends, Report report) {
    ModelCase.requireNoOptions(meta);
    ModelInputs inputs = ModelInputs.read(folder.resolve("inputs.safetensors"));
    requirePlainPositions(inputs);
    try (SafetensorsCheckpoint reference =
            SafetensorsCheckpoint.open(folder.resolve("outputs.safetensors"));
        Arena arena = Arena.ofConfined()) {
      Map<String, Output> outputs = compute(backends, inputs);
      for (String name : reference.names()) {
        Tensor expected = reference.tensor(name, arena);
        Matcher generated = GENERATED.matcher(name);
        report.add(
            generated.matches()
                ? generated(name, beams(generated), expected, inputs, backends)
                : ModelCase.compare(
                    name, expected, outputs.get(name), inputs, ModelCase.tolerance(meta, name)));
      }
    }
  }

  static int beams(Matcher generated) {
    return generated.group(1) == null ? 1 : Integer.parseInt(generated.group(1));
  }

  /** Panaformer counts positions without padding, so other positions are not supported. */
  private static void requirePlainPositions(ModelInputs inputs) {
    for (int s = 0; s < inputs.sequences(); s++) {
      int next = 0;
      for (int t = 0; t < inputs.length(); t++) {
        int position = inputs.positions() == null ? t : inputs.positions()[s][t];
        if (inputs.isToken(s, t) && position != next++) {
          throw new UnsupportedCaseException("positions that do not count the tokens");
        }
      }
    }
  }

  private Map<String, Output> compute(Backends backends, ModelInputs inputs) {
    int blocks = inputs.sequences() * (inputs.length() / BLOCK_TOKENS + 1);
    Map<String, Output> outputs =
        TracedModel.outputs(backends, model, config, traced -> evaluate(traced, inputs, blocks));
    outputs.put("last_hidden_state", outputs.get("hidden_states." + config.numLayers()));
    return outputs;
  }

  private void evaluate(TracedModel traced, ModelInputs inputs, int blocks) {
    CausalModel decoder = CausalModel.load(traced.weights(), config);
    try (KvCache cache =
            new KvCache(
                config.numLayers(),
                config.kvHeads(),
                config.headDim(),
                blocks,
                BLOCK_TOKENS,
                decoder.kernels().memory());
        DecoderBatch batch = new DecoderBatch()) {
      for (int s = 0; s < inputs.sequences(); s++) {
        int[] ids = tokens(inputs, s);
        if (ids.length > 0) {
          batch.add(cache.open(), ids, 0, ids.length);
        }
      }
      MemorySegment hidden = decoder.forward(batch, cache, traced.workspace(), traced.trace());
      traceLogits(traced, decoder, hidden, batch);
    }
  }

  /** Evaluates the head and reports its logits to the trace. */
  static void traceLogits(
      TracedModel traced, LanguageModel model, MemorySegment hidden, DecoderBatch batch) {
    long[] shape = {batch.tokens().tokens(), model.config().vocabSize()};
    MemorySegment logits = traced.workspace().floats(LOGITS, Tensor.elements(shape));
    model
        .kernels()
        .linear()
        .linear(hidden, model.head(), MemorySegment.NULL, logits, shape[0], Activation.NONE);
    traced.trace().accept("logits", logits, shape);
  }

  /** The ids of a sequence without padding. */
  static int[] tokens(ModelInputs inputs, int sequence) {
    return IntStream.range(0, inputs.length())
        .filter(t -> inputs.isToken(sequence, t))
        .map(t -> inputs.ids()[sequence][t])
        .toArray();
  }

  private Comparison generated(
      String name, int beams, Tensor expected, ModelInputs inputs, Backends backends) {
    ConfigJson generate = meta.object("generate");
    GenerationOptions options =
        GenerationOptions.builder()
            .maxNewTokens(generate.requireInt("new", 1, 1 << 20))
            .beams(beams)
            .earlyStopping(EarlyStopping.WHEN_FULL)
            .build();
    int padding = generate.optionalInt("pad", 0, 0, Integer.MAX_VALUE);
    int width = Math.toIntExact(expected.shape()[1]);
    int[][] ours = new int[inputs.sequences()][];
    try (CausalLM lm =
        CausalLM.load(folder, CausalLMOptions.DEFAULT.withCompute(backends.options().compute()))) {
      List<Generation> generations = new ArrayList<>();
      for (int s = 0; s < inputs.sequences(); s++) {
        generations.add(lm.generate(tokens(inputs, s), options));
      }
      for (int s = 0; s < generations.size(); s++) {
        int[] row = Arrays.copyOf(inputs.ids()[s], width);
        Arrays.fill(row, inputs.length(), width, padding);
        int[] ids = generations.get(s).result().ids();
        System.arraycopy(
            ids, 0, row, inputs.length(), Math.min(ids.length, width - inputs.length()));
        ours[s] = row;
      }
    }
    return Comparison.ofIds(name, ours, expected);
  }
}
