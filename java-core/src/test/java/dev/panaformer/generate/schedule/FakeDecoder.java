package dev.panaformer.generate.schedule;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.sampling.Candidates;
import dev.panaformer.generate.sampling.CounterRandom;
import dev.panaformer.generate.sampling.Rows;
import dev.panaformer.model.text.Sequence;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * A model whose logits are a hash of the tokens that it finds in its cache: any block that is lost,
 * shared wrongly or written twice changes all that follows. Token 1 makes the pass fail, token 3
 * makes a logit NaN.
 */
final class FakeDecoder implements Decoder {
  static final int VOCABULARY = 50;
  static final int POISON = 1;
  static final int END = 2;
  static final int NAN = 3;

  private final int context;
  private final int blocks;
  private final int blockTokens;
  final AtomicInteger free;
  volatile IntConsumer onForward = tokens -> {};
  volatile boolean closed;

  private final List<int[]> pass = new ArrayList<>();
  private int[] asked = {};
  private boolean poisoned;

  FakeDecoder(int context, int blocks, int blockTokens) {
    this.context = context;
    this.blocks = blocks;
    this.blockTokens = blockTokens;
    this.free = new AtomicInteger(blocks);
  }

  private final class Block {
    final int[] ids = new int[blockTokens];
    int owners = 1;
  }

  private final class Text implements Sequence {
    final List<Block> table = new ArrayList<>();
    int length;

    void add(int id) {
      if (length == table.size() * blockTokens) {
        table.add(allocate());
      }
      int last = table.size() - 1;
      if (table.get(last).owners > 1) {
        Block copy = allocate();
        System.arraycopy(table.get(last).ids, 0, copy.ids, 0, blockTokens);
        table.get(last).owners--;
        table.set(last, copy);
      }
      table.get(last).ids[length++ % blockTokens] = id;
    }

    private Block allocate() {
      if (free.get() == 0) {
        throw new CacheExhaustedException(1, 0, blocks);
      }
      free.decrementAndGet();
      return new Block();
    }

    int[] ids() {
      int[] ids = new int[length];
      for (int i = 0; i < length; i++) {
        ids[i] = table.get(i / blockTokens).ids[i % blockTokens];
      }
      return ids;
    }

    @Override
    public int length() {
      return length;
    }

    @Override
    public Sequence fork() {
      Text copy = new Text();
      copy.table.addAll(table);
      copy.length = length;
      table.forEach(block -> block.owners++);
      return copy;
    }

    @Override
    public void truncate(int length) {
      this.length = length;
      while (table.size() > Task.ceilDiv(length, blockTokens)) {
        if (--table.remove(table.size() - 1).owners == 0) {
          free.incrementAndGet();
        }
      }
    }

    @Override
    public void close() {
      truncate(0);
    }
  }

  @Override
  public int vocabulary() {
    return VOCABULARY;
  }

  @Override
  public int contextLength() {
    return context;
  }

  @Override
  public int blocks() {
    return blocks;
  }

  @Override
  public int blockTokens() {
    return blockTokens;
  }

  @Override
  public Sequence open() {
    return new Text();
  }

  @Override
  public void begin() {
    pass.clear();
    poisoned = false;
  }

  @Override
  public void add(Sequence sequence, int[] ids, int from, int to) {
    for (int i = from; i < to; i++) {
      ((Text) sequence).add(ids[i]);
      poisoned |= ids[i] == POISON;
      pass.add(((Text) sequence).ids());
    }
    if (sequence.length() > context) {
      throw new IllegalArgumentException("no position " + context);
    }
  }

  @Override
  public void forward(int[] rows) {
    asked = rows;
    onForward.accept(pass.size());
    if (poisoned) {
      throw new IllegalStateException("poisoned");
    }
  }

  @Override
  public MemorySegment logits(int[] rows, int count) {
    return Rows.segment(logitRows(rows, count));
  }

  private float[][] logitRows(int[] rows, int count) {
    float[][] logits = new float[count][];
    for (int r = 0; r < count; r++) {
      assertTrue(Arrays.binarySearch(asked, rows[r]) >= 0, "a row that was not announced");
      logits[r] = logits(pass.get(rows[r]));
    }
    return logits;
  }

  /** What the model thinks comes after these tokens. */
  static float[] logits(int[] ids) {
    long hash = 0;
    boolean nan = false;
    for (int id : ids) {
      hash = CounterRandom.bits(hash, id);
      nan |= id == NAN;
    }
    float[] row = new float[VOCABULARY];
    for (int v = 0; v < VOCABULARY; v++) {
      row[v] = (float) (6 * CounterRandom.uniform(hash, v));
    }
    // Never by themselves, so that tests decide who fails.
    row[POISON] = -50;
    row[NAN] = nan ? Float.NaN : -50;
    return row;
  }

  @Override
  public Candidates best(int[] rows, int count, int k, float[] inverseTemperatures) {
    return best(logitRows(rows, count), k, inverseTemperatures);
  }

  /** Without sums, so that who reads them all the same is found out. */
  @Override
  public Candidates best(int[] rows, int count, int k) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    Candidates all = best(logitRows(rows, count), k, ones);
    return new Candidates(all.values(), all.ids(), MemorySegment.NULL, k);
  }

  @Override
  public Candidates best(MemorySegment logits, int count, int k, float[] inverseTemperatures) {
    float[][] rows = new float[count][];
    for (int r = 0; r < count; r++) {
      rows[r] = Rows.row(logits.asSlice((long) r * VOCABULARY * Float.BYTES), VOCABULARY);
    }
    return best(rows, k, inverseTemperatures);
  }

  private static Candidates best(float[][] rows, int k, float[] inverseTemperatures) {
    int[] ids = new int[rows.length * k];
    float[] values = new float[rows.length * k];
    float[] sums = new float[rows.length];
    for (int r = 0; r < rows.length; r++) {
      Candidates one = Rows.candidates(k, inverseTemperatures[r], rows[r]);
      sums[r] = one.logSumExp(0);
      for (int i = 0; i < k; i++) {
        ids[r * k + i] = one.id(0, i);
        values[r * k + i] = one.value(0, i);
      }
    }
    return new Candidates(
        MemorySegment.ofArray(values), MemorySegment.ofArray(ids), MemorySegment.ofArray(sums), k);
  }

  @Override
  public void close() {
    closed = true;
  }
}
