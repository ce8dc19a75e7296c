package dev.panaformer.cli.verify;

import dev.panaformer.CausalLMOptions;
import dev.panaformer.Seq2Seq;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.cli.verify.TracedModel.Output;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.decoder.Seq2SeqModel;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.stream.IntStream;

/**
 * A case of an encoder-decoder. It compares the forward pass, and the ids that the model generates
 * from the sources: greedily ({@code generated}) or by beam search with N beams ({@code
 * generated_beamN}). Beam search stops as soon as N texts have ended.
 */
record Seq2SeqCase(Path folder, ModelFolder model, Seq2SeqConfig config, ConfigJson meta) {
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
    int texts = sources.sequences();
    int blocks = texts * (sources.length() / BLOCK_TOKENS + targets.length() / BLOCK_TOKENS + 2);
    Map<String, Output> outputs =
        TracedModel.outputs(
            backends, model, config, traced -> evaluate(traced, sources, targets, blocks));
    // The result of forward may include the scale of the head, so it is not compared.
    outputs.put("last_hidden_state", outputs.get("decoder_hidden_states." + config.numLayers()));
    return outputs;
  }

  private void evaluate(TracedModel traced, ModelInputs sources, ModelInputs targets, int blocks) {
    Seq2SeqModel seq2seq = Seq2SeqModel.load(traced.weights(), config);
    try (KvCache cache =
            new KvCache(
                config.numLayers(),
                config.kvHeads(),
                config.headDim(),
                blocks,
                BLOCK_TOKENS,
                seq2seq.kernels().memory());
        DecoderBatch sourceBatch = new DecoderBatch();
        DecoderBatch batch = new DecoderBatch()) {
      for (int s = 0; s < sources.sequences(); s++) {
        int[] source = DecoderCase.tokens(sources, s);
        int[] target = targetTokens(targets, s);
        KvCache.Sequence encoded = cache.open();
        sourceBatch.add(encoded, source, 0, source.length);
        batch.add(cache.open(), encoded, target, 0, target.length);
      }
      seq2seq.encode(sourceBatch, cache, traced.workspace(), traced.trace());
      MemorySegment hidden = seq2seq.forward(batch, cache, traced.workspace(), traced.trace());
      DecoderCase.traceLogits(traced, seq2seq, hidden, batch);
    }
  }

  /** The ids of a target without padding. Padding is supported only at the end. */
  private static int[] targetTokens(ModelInputs targets, int sequence) {
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
    int maxNewTokens = generate.optionalInt("new", width - 1, 1, 1 << 20);
    int padding = generate.optionalInt("pad", 0, 0, Integer.MAX_VALUE);
    try (Seq2Seq seq2seq =
        Seq2Seq.load(folder, CausalLMOptions.DEFAULT.withCompute(backends.options().compute()))) {
      GenerationOptions.Builder options =
          seq2seq.options().toBuilder()
              .maxNewTokens(maxNewTokens)
              .minNewTokens(Math.min(seq2seq.options().minNewTokens(), maxNewTokens))
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
