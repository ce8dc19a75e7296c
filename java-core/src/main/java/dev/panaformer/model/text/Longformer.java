package dev.panaformer.model.text;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.nn.EncoderAttention;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.LongformerAttention;
import dev.panaformer.nn.SparseAttention;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The sparsity of Longformer (Beltagy et al. 2020). A token attends to a window of its neighbours
 * and to all global tokens. A global token attends to all tokens of its sequence.
 *
 * @param windows the size of the window of each layer. Half of the window is to the left of a token
 *     and half to its right
 * @param separator the id of the token that ends a question
 */
public record Longformer(List<Integer> windows, int separator, int numHeads, int headDim)
    implements Sparsity {
  private static final String WINDOW = "attention_window";

  /**
   * The number of queries that share a list of keys. With larger blocks, less of the data would
   * stay in cache.
   */
  private static final int BLOCK = 64;

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a window is odd, or there is not one
   *     window for each layer
   */
  static Optional<Sparsity> of(ConfigJson json, int layers, int heads, int headDim) {
    List<Integer> windows = json.integers(WINDOW, 2, Integer.MAX_VALUE);
    if (windows.stream().anyMatch(window -> window % 2 != 0)) {
      throw json.wrong(WINDOW, "even numbers");
    }
    if (json.isArray(WINDOW) && windows.size() != layers) {
      throw json.wrong(WINDOW, "one number for each of the " + layers + " layers");
    }
    return Optional.of(
        new Longformer(
            windows.size() == layers
                ? windows
                : Collections.nCopies(layers, windows.isEmpty() ? 512 : windows.get(0)),
            json.optionalInt("sep_token_id", 2, 0, Integer.MAX_VALUE),
            heads,
            headDim));
  }

  @Override
  public EncoderAttention attention(Weights w, BertConfig config, int layer) {
    int hidden = config.hiddenSize();
    Weights self = w.at("self");
    return new LongformerAttention(
        new SparseAttention(
            self.concatenated(hidden, hidden, "query", "key", "value"),
            w.at("output").linear("dense", hidden, hidden),
            config.numAttentionHeads(),
            config.headDim(),
            lists(layer)),
        self.linear("query_global", hidden, hidden),
        new Linear(self.packedTransposed("key_global.weight", hidden, hidden), MemorySegment.NULL),
        self.linear("key_global", hidden, hidden),
        self.linear("value_global", hidden, hidden),
        fewLists(),
        manyLists());
  }

  /** The index of the key lists of a layer. Layers with the same window share their lists. */
  private int lists(int layer) {
    return windows.indexOf(windows.get(layer));
  }

  @Override
  public void append(TokenBatch batch, Sequence sequence, GlobalTokens globals) {
    if (sequence.randomBlocks() != null) {
      throw new IllegalArgumentException("randomBlocks for a Longformer, which has windows");
    }
    TokenPositions positions = new TokenPositions(batch, sequence);
    int[] globalRows = globalRows(sequence, globals, positions);
    for (int layer = 0; layer < windows.size(); layer++) {
      if (lists(layer) == layer) {
        addBlocks(
            batch.keyLists(layer), windows.get(layer) / 2, globalRows, batch, sequence, positions);
      }
    }
    boolean few = globalRows.length <= LongformerAttention.few(headDim);
    KeyLists lists = batch.keyLists(few ? fewLists() : manyLists());
    for (int row : globalRows) {
      lists.addRow(row);
    }
    int queries = globalRows.length * (few ? numHeads : 1);
    for (int first = 0; first < queries; first += BLOCK) {
      lists.add(batch.start(batch.sequences() - 1), batch.tokens());
      lists.endList();
      lists.endBlock(Math.min(BLOCK, queries - first));
    }
  }

  private int fewLists() {
    return windows.size();
  }

  private int manyLists() {
    return windows.size() + 1;
  }

  private int[] globalRows(Sequence sequence, GlobalTokens globals, TokenPositions positions) {
    int[] mask = sequence.globalMask();
    int end =
        mask != null
            ? sequence.places()
            : switch (globals) {
              case NONE -> 0;
              case FIRST -> 1;
              case QUESTION -> questionEnd(sequence.ids());
            };
    return IntStream.range(0, end)
        .filter(place -> (mask == null || mask[place] != 0) && sequence.isToken(place))
        .map(positions::row)
        .toArray();
  }

  private int questionEnd(int[] ids) {
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] == separator) {
        return i;
      }
    }
    throw new IllegalArgumentException(
        "a question that does not end: no token of the sequence is the separator " + separator);
  }

  private static void addBlocks(
      KeyLists lists,
      int radius,
      int[] globalRows,
      TokenBatch batch,
      Sequence sequence,
      TokenPositions positions) {
    int end = batch.tokens();
    int blockStart = batch.start(batch.sequences() - 1);
    int row = blockStart;
    int firstKey = 0;
    for (int place = 0; row < end; place++) {
      if (!sequence.isToken(place)) {
        continue;
      }
      int from = positions.row((long) place - radius);
      int to = positions.row((long) place + radius + 1);
      lists.band(from, to);
      if (row == blockStart) {
        firstKey = from;
      }
      row++;
      if (row == end || row == blockStart + BLOCK) {
        addKeys(lists, firstKey, to, globalRows);
        lists.endList();
        lists.endBlock(row - blockStart);
        blockStart = row;
      }
    }
  }

  /**
   * Adds the keys of a block of queries: the rows from {@code from} to {@code to}, and the global
   * tokens, in ascending order and without duplicates.
   */
  private static void addKeys(KeyLists lists, int from, int to, int[] globalRows) {
    int key = from;
    for (int i = 0; i < globalRows.length; ) {
      int first = globalRows[i];
      int next = first;
      while (i < globalRows.length && globalRows[i] == next) {
        next++;
        i++;
      }
      if (key < Math.min(first, to)) {
        lists.addBanded(key, Math.min(first, to));
      }
      lists.add(first, next);
      key = Math.max(key, next);
    }
    if (key < to) {
      lists.addBanded(key, to);
    }
  }
}
