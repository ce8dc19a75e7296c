package dev.panaformer.model.text;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.nn.EncoderAttention;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.SelfAttention;
import dev.panaformer.nn.SparseAttention;
import dev.panaformer.nn.weights.Weights;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * The sparsity of BigBird (Zaheer et al. 2020). Tokens are grouped into blocks. A block attends to
 * itself, to its two neighbours, to the first and the last block, and to some random blocks. The
 * first and the last block attend to all blocks. In a short sequence all tokens attend to each
 * other, as in BERT.
 *
 * @param full whether all tokens attend to each other in sequences of any length: the attention
 *     type {@code original_full}
 * @param blockSize the number of tokens of a block
 * @param numRandomBlocks the number of random blocks that a block attends to in each head
 * @param biased whether queries, keys and values have biases
 * @param separator the id of the token that ends a question
 */
public record BigBird(
    boolean full,
    int blockSize,
    int numRandomBlocks,
    int numLayers,
    int numHeads,
    int maxPositions,
    boolean biased,
    int separator,
    RandomBlocks drawn)
    implements Sparsity {
  private static final int MOST = 1 << 16;

  /** The number of queries that share a list of keys if they attend to all keys. */
  private static final int FULL_BLOCK = 64;

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is out of range or not
   *     supported
   */
  static Optional<Sparsity> of(ConfigJson json, int layers, int heads) {
    String type = json.optionalString("attention_type", "block_sparse");
    if (!List.of("original_full", "block_sparse").contains(type)) {
      throw json.wrong("attention_type", "\"original_full\" or \"block_sparse\"");
    }
    if (json.optionalBoolean("rescale_embeddings", false)) {
      throw json.unsupported("rescale_embeddings", "false");
    }
    return Optional.of(
        new BigBird(
            type.equals("original_full"),
            json.optionalInt("block_size", 64, 1, MOST),
            json.optionalInt("num_random_blocks", 3, 0, MOST),
            layers,
            heads,
            json.requireInt("max_position_embeddings", 1, Integer.MAX_VALUE),
            json.optionalBoolean("use_bias", true),
            json.optionalInt("sep_token_id", 66, 0, Integer.MAX_VALUE),
            new RandomBlocks(0)));
  }

  @Override
  public EncoderAttention attention(Weights w, BertConfig config, int layer) {
    long hidden = config.hiddenSize();
    Linear qkv =
        w.at("self")
            .stacked(
                hidden, biased, List.of("query", "key", "value"), Collections.nCopies(3, hidden));
    Linear output = w.at("output").linear("dense", hidden, hidden);
    int heads = config.numAttentionHeads();
    return full
        ? new SelfAttention(qkv, output, heads, config.headDim())
        : new SparseAttention(qkv, output, heads, config.headDim(), layer);
  }

  @Override
  public void append(TokenBatch batch, Sequence sequence, GlobalTokens globals) {
    if (sequence.globalMask() != null) {
      throw new IllegalArgumentException(
          "globalMask for a BigBird, of which the first and the last block see all");
    }
    if (full) {
      return;
    }
    if (!isSparse(sequence.places())) {
      for (int layer = 0; layer < numLayers; layer++) {
        addFull(batch.keyLists(layer), batch);
      }
      return;
    }
    int blocks = blocks(sequence.places());
    int[][][][] random =
        sequence.randomBlocks() == null
            ? drawn.of(this, blocks)
            : requireFitting(sequence.randomBlocks(), blocks);
    TokenPositions positions = new TokenPositions(batch, sequence);
    for (int layer = 0; layer < numLayers; layer++) {
      addBlocks(batch.keyLists(layer), blocks, random[layer], positions);
    }
  }

  /**
   * Whether attention is sparse for a sequence of this length. In shorter sequences all tokens
   * attend to each other, as in the reference.
   */
  public boolean isSparse(int places) {
    return !full && places > (5L + 2L * numRandomBlocks) * blockSize;
  }

  /**
   * The number of blocks of a sequence of this length. The last block may be shorter than the
   * others.
   */
  public int blocks(int places) {
    return Math.ceilDiv(places, blockSize);
  }

  private void addFull(KeyLists lists, TokenBatch batch) {
    int begin = batch.start(batch.sequences() - 1);
    int end = batch.tokens();
    for (int row = begin; row < end; row += FULL_BLOCK) {
      for (int head = 0; head < numHeads; head++) {
        lists.add(begin, end);
        lists.endList();
      }
      lists.endBlock(Math.min(FULL_BLOCK, end - row));
    }
  }

  private void addBlocks(KeyLists lists, int blocks, int[][][] random, TokenPositions positions) {
    for (int block = 0; block < blocks; block++) {
      int queries = positions.row(start(block + 1)) - positions.row(start(block));
      if (queries == 0) {
        continue;
      }
      for (int head = 0; head < numHeads; head++) {
        if (block == 0 || block == blocks - 1) {
          add(lists, 0, blocks, positions);
        } else {
          int first = Math.max(block - 1, 1);
          int last = Math.min(block + 1, blocks - 2);
          add(lists, 0, 1, positions);
          add(lists, first, last + 1, positions);
          for (int key : random[head][block - 1]) {
            add(lists, key, key + 1, positions);
          }
          add(lists, blocks - 1, blocks, positions);
        }
        lists.endList();
      }
      lists.endBlock(queries);
    }
  }

  /** Adds the tokens of the blocks from {@code first} to {@code end}, exclusive, as keys. */
  private void add(KeyLists lists, int first, int end, TokenPositions positions) {
    lists.add(positions.row(start(first)), positions.row(start(end)));
  }

  private long start(int block) {
    return (long) block * blockSize;
  }

  private int[][][][] requireFitting(int[][][][] random, int blocks) {
    boolean fits = random.length == numLayers;
    for (int[][][] layer : random) {
      fits &= layer.length == numHeads;
      for (int[][] head : layer) {
        fits &= head.length == blocks - 2;
        for (int[] block : head) {
          fits &= block.length == numRandomBlocks;
          for (int key : block) {
            fits &= key >= 0 && key < blocks;
          }
        }
      }
    }
    if (!fits) {
      throw new IllegalArgumentException(
          String.format(
              "randomBlocks are not [%d, %d, %d, %d] with blocks from 0 to %d",
              numLayers, numHeads, blocks - 2, numRandomBlocks, blocks - 1));
    }
    return random;
  }
}
