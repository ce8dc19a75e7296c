package dev.panaformer.cli.verify;

import dev.panaformer.CausalLMOptions;
import dev.panaformer.Seq2Seq;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.cli.verify.ModelCase.Output;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.decoder.Seq2SeqModel;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.Weights;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.stream.IntStream;

/**
 * An encoder-decoder with inputs of both: its forward pass, and the ids that it generates from the
 * sources, greedily ({@code generated}) or by a search of N beams that ends as soon as N texts have
 * ({@code generated_beamN}).
 */
record Seq2SeqCase(Path folder, ModelFolder model, Seq2SeqConfig config, ConfigJson meta) {
  private static final Buffer LOGITS = Buffer.named("logits");
  private static final int BLOCK_TOKENS = 16;

  void run(Backends backends, Report report) {
    ModelCase.requireNoOptions(meta);
    Path file = folder.resolve("inputs.safetensors");
    ModelInputs sources = ModelInputs.read(file, "", "decoder_");
    ModelInputs targets = ModelInputs.read(file, "decoder_", "");
    try (SafetensorsCheckpoint reference =
            SafetensorsCheckpoint.open(folder.resolve("outputs.safetensors"));
        Arena arena = Arena.ofConfined()) {
      Map<String, Output> outputs = compute(backends, sources, targets);
      for (String name : reference.names()) {
        Tensor expected = reference.tensor(name, arena);
        Matcher generated = DecoderCase.GENERATED.matcher(name);
        report.add(
            generated.matches()
                ? generated(name, DecoderCase.beams(generated), expected, sources, backends)
                : ModelCase.compare(
                    name,
                    expected,
                    outputs.get(name),
                    name.startsWith("encoder_") ? sources : targets,
                    ModelCase.tolerance(meta, name)));
      }
    }
  }

  private Map<String, Output> compute(Backends backends, ModelInputs sources, ModelInputs targets) {
    Map<String, Output> outputs = new HashMap<>();
    int texts = sources.sequences();
    int blocks = texts * (sources.length() / BLOCK_TOKENS + targets.length() / BLOCK_TOKENS + 2);
    try (NativeMemory memory = backends.kernels().memory().allocator(new NativeMemory());
        Checkpoint checkpoint = model.openWeights();
        Weights weights =
            new Weights(
                checkpoint,
                backends.kernels(),
                memory,
                config.weightNames(),
                backends.options().compute().precision().weightFormat());
        KvCache cache =
            new KvCache(
                config.numLayers(),
                config.kvHeads(),
                config.headDim(),
                blocks,
                BLOCK_TOKENS,
                backends.kernels().memory());
        Workspace workspace = new Workspace(backends.kernels().memory());
        DecoderBatch read = new DecoderBatch();
        DecoderBatch batch = new DecoderBatch()) {
      Trace trace =
          (name, values, shape) ->
              outputs.put(
                  name,
                  new Output(shape, ModelCase.read(backends.kernels(), values, shape, workspace)));
      Seq2SeqModel seq2seq = Seq2SeqModel.load(weights, config);
      for (int s = 0; s < texts; s++) {
        int[] source = DecoderCase.tokens(sources, s);
        int[] target = leading(targets, s);
        KvCache.Sequence kept = cache.open();
        read.add(kept, source, 0, source.length);
        batch.add(cache.open(), kept, target, 0, target.length);
      }
      seq2seq.encode(read, cache, workspace, trace);
      MemorySegment hidden = seq2seq.forward(batch, cache, workspace, trace);
      // What forward returns may have the head's scale in it.
      outputs.put("last_hidden_state", outputs.get("decoder_hidden_states." + config.numLayers()));
      long[] shape = {batch.tokens().tokens(), config.vocabSize()};
      MemorySegment logits = workspace.floats(LOGITS, Tensor.elements(shape));
      seq2seq
          .kernels()
          .linear()
          .linear(hidden, seq2seq.head(), MemorySegment.NULL, logits, shape[0], Activation.NONE);
      trace.accept("logits", logits, shape);
    }
    return outputs;
  }

  /** The ids of a target without padding, which may only be behind them. */
  private static int[] leading(ModelInputs targets, int sequence) {
    int[] ids = DecoderCase.tokens(targets, sequence);
    if (IntStream.range(0, ids.length).anyMatch(t -> !targets.isToken(sequence, t))) {
      throw new UnsupportedCaseException("padding before a target's tokens");
    }
    return ids;
  }

  private Comparison generated(
      String name, int beams, Tensor expected, ModelInputs sources, Backends backends) {
    ConfigJson generate = meta.object("generate");
    int width = Math.toIntExact(expected.shape()[1]);
    int[][] ours = new int[sources.sequences()][];
    int most = generate.optionalInt("new", width - 1, 1, 1 << 20);
    int padding = generate.optionalInt("pad", 0, 0, Integer.MAX_VALUE);
    try (Seq2Seq seq2seq =
        Seq2Seq.load(folder, CausalLMOptions.DEFAULT.withCompute(backends.options().compute()))) {
      GenerationOptions.Builder options =
          seq2seq.options().toBuilder()
              .maxNewTokens(most)
              .minNewTokens(Math.min(seq2seq.options().minNewTokens(), most))
              .beams(beams);
      if (beams > 1) {
        options.lengthPenalty(1).earlyStopping(EarlyStopping.WHEN_FULL).temperature(0);
      }
      List<Generation> generations = new ArrayList<>();
      for (int s = 0; s < sources.sequences(); s++) {
        generations.add(seq2seq.stream(DecoderCase.tokens(sources, s), options.build()));
      }
      for (int s = 0; s < generations.size(); s++) {
        int[] row = new int[width];
        Arrays.fill(row, padding);
        row[0] = seq2seq.startToken();
        int[] ids = generations.get(s).result().ids();
        System.arraycopy(ids, 0, row, 1, Math.min(ids.length, width - 1));
        ours[s] = row;
      }
    }
    return Comparison.ofIds(name, ours, expected);
  }
}
