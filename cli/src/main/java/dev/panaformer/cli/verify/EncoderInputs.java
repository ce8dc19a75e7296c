package dev.panaformer.cli.verify;

import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.model.text.BigBird;
import dev.panaformer.model.text.Sequence;
import dev.panaformer.model.text.TextEncoder;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The inputs of an encoder, including those that determine which tokens attend to which.
 *
 * @param globalMask not 0 where a token attends to all tokens; or null
 * @param randomBlocks {@code [layers][heads][blocks - 2][random blocks]}, or null
 */
record EncoderInputs(ModelInputs padded, int[][] globalMask, int[][][][] randomBlocks) {
  private static final String GLOBALS = "global_attention_mask";
  private static final String BLOCKS = "random_blocks.";

  /**
   * @throws UnsupportedCaseException if the file has an input that is not supported
   */
  static EncoderInputs read(Path file) {
    ModelInputs padded =
        ModelInputs.read(file, "", name -> name.equals(GLOBALS) || name.startsWith(BLOCKS));
    try (SafetensorsCheckpoint inputs = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      List<int[][][]> layers = new ArrayList<>();
      while (inputs.names().contains(BLOCKS + layers.size())) {
        layers.add(blocks(inputs.tensor(BLOCKS + layers.size(), arena)));
      }
      if (inputs.names().stream().filter(name -> name.startsWith(BLOCKS)).count()
          != layers.size()) {
        throw new UnsupportedCaseException(BLOCKS + "N that do not count from 0");
      }
      return new EncoderInputs(
          padded,
          ModelInputs.matching(inputs, GLOBALS, arena, padded.ids()),
          layers.isEmpty() ? null : layers.toArray(int[][][][]::new));
    }
  }

  private static int[][][] blocks(Tensor tensor) {
    boolean integers = tensor.dtype() == DType.I64 || tensor.dtype() == DType.I32;
    if (!integers || tensor.rank() != 3) {
      throw new UnsupportedCaseException("random blocks of " + tensor);
    }
    long[] values = tensor.toLongs();
    int rows = Math.toIntExact(tensor.shape()[1]);
    int count = Math.toIntExact(tensor.shape()[2]);
    int[][][] heads = new int[Math.toIntExact(tensor.shape()[0])][rows][count];
    for (int i = 0; i < values.length; i++) {
      heads[i / count / rows][i / count % rows][i % count] = Math.toIntExact(values[i]);
    }
    return heads;
  }

  /** Adds all sequences except those that are padding only. */
  void appendTo(TokenBatch batch, TextEncoder model) {
    int[][] types = padded.types();
    int[][] positions = padded.positions();
    if (types != null && model.config().typeVocabSize() == 0) {
      throw new UnsupportedCaseException("token_type_ids for a model without token types");
    }
    for (int s = 0; s < padded.sequences(); s++) {
      if (padded.hasTokens(s)) {
        model.append(
            batch,
            new Sequence(
                padded.ids()[s],
                types == null ? null : types[s],
                padded.mask()[s],
                positions == null ? null : positions[s],
                globalMask == null ? null : globalMask[s],
                randomBlocks == null ? blocksOfInference(model) : randomBlocks));
      }
    }
  }

  /**
   * Random blocks that are all block 0, because the reference draws random blocks only in training.
   */
  private int[][][][] blocksOfInference(TextEncoder model) {
    if (model.config() instanceof BertConfig config
        && config.sparsity().orElse(null) instanceof BigBird bigBird
        && bigBird.isSparse(padded.length())) {
      return new int[bigBird.numLayers()][bigBird.numHeads()][bigBird.blocks(padded.length()) - 2]
          [bigBird.numRandomBlocks()];
    }
    return null;
  }
}
