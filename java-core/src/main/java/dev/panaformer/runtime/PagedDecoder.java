package dev.panaformer.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.sampling.Candidates;
import dev.panaformer.generate.schedule.Decoder;
import dev.panaformer.generate.schedule.Source;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.decoding.TopK;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.GrowableBuffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.decoder.DecoderConfig;
import dev.panaformer.model.decoder.LanguageModel;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.decoder.Seq2SeqModel;
import dev.panaformer.model.text.Sequence;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A language model with its key-value cache, as the scheduler evaluates it. */
public final class PagedDecoder implements Decoder {
  private static final Buffer ROWS = Buffer.named("hidden states that a head reads");
  private static final Buffer LOGITS = Buffer.named("logits");

  /** Contexts for which the cache has room by default, unless they are too large. */
  private static final int DEFAULT_CONTEXTS = 4;

  private static final long MAX_DEFAULT_BYTES = 1L << 30;

  private static final float[] NO_ROWS = {};

  private final LanguageModel model;
  private final KvCache cache;
  private final int contextLength;
  private final Workspace workspace;
  private final ScreenedHead head;
  private final DecoderBatch batch = new DecoderBatch();
  private final int stepTokens;
  private final List<DecoderBatch> sources = new ArrayList<>();

  /** For each batch of sources its states; empty for tokens. */
  private final List<float[]> states = new ArrayList<>();

  private int sourceBatches;
  private final List<CachedSource> unread = new ArrayList<>();
  private final GrowableBuffer inverseTemperatures = new GrowableBuffer();
  private final GrowableBuffer values = new GrowableBuffer();
  private final GrowableBuffer ids = new GrowableBuffer();
  private final GrowableBuffer logSumExp = new GrowableBuffer();
  private final Runnable pass = this::pass;
  private MemorySegment hiddenStates = MemorySegment.NULL;

  /** The rows of the hidden states, by their numbers in the pass. */
  private int[] asked = {};

  public PagedDecoder(LanguageModel model, GenerationLimits limits) {
    DecoderConfig c = model.config();
    this.model = model;
    this.stepTokens = limits.stepTokens();
    int blocks = Math.ceilDiv(cacheTokens(c, limits), limits.blockTokens());
    this.head = new ScreenedHead(model);
    try {
      this.cache =
          new KvCache(
              c.numLayers(),
              c.kvHeads(),
              c.headDim(),
              blocks,
              limits.blockTokens(),
              model.kernels().memory());
    } catch (Throwable e) {
      head.close();
      throw e;
    }
    this.workspace = new Workspace(model.kernels().memory());
    this.contextLength = (int) Math.min(c.contextLength(), (long) blocks * limits.blockTokens());
  }

  private static int cacheTokens(DecoderConfig c, GenerationLimits limits) {
    if (limits.cacheTokens() > 0) {
      return limits.cacheTokens();
    }
    long tokenBytes = 2L * c.numLayers() * c.kvHeads() * c.headDim() * Float.BYTES;
    long tokens = Math.max(1, MAX_DEFAULT_BYTES / tokenBytes);
    int source = c instanceof Seq2SeqConfig s ? s.maxSourceTokens() : 0;
    return (int) Math.min(tokens, (long) DEFAULT_CONTEXTS * (c.contextLength() + source));
  }

  /** What a decoder attends to, computed once for all texts that attend to it. */
  private final class CachedSource {
    private final Source source;
    private final KvCache.Sequence sequence = cache.open();
    private boolean read;
    private int users = 1;

    CachedSource(Source source) {
      this.source = source;
    }

    void leave() {
      if (--users == 0) {
        sequence.close();
      }
    }
  }

  private static final class CachedText implements Sequence {
    private final KvCache.Sequence sequence;
    private final CachedSource source;
    private final float[] rows;
    private boolean closed;

    /**
     * @param source null for none
     * @param rows of embeddings
     */
    CachedText(KvCache.Sequence sequence, CachedSource source, float[] rows) {
      this.sequence = sequence;
      this.source = source;
      this.rows = rows;
    }

    @Override
    public int length() {
      return sequence.length();
    }

    @Override
    public Sequence fork() {
      if (source != null) {
        source.users++;
      }
      return new CachedText(sequence.fork(), source, rows);
    }

    @Override
    public void truncate(int length) {
      sequence.truncate(length);
    }

    @Override
    public void close() {
      sequence.close();
      if (source != null && !closed) {
        source.leave();
      }
      closed = true;
    }
  }

  @Override
  public int vocabulary() {
    return model.config().vocabSize();
  }

  @Override
  public int contextLength() {
    return contextLength;
  }

  @Override
  public int blocks() {
    return cache.blocks();
  }

  /** The number of blocks of the cache that no sequence holds. */
  public int freeBlocks() {
    return cache.freeBlocks();
  }

  @Override
  public int blockTokens() {
    return cache.blockTokens();
  }

  @Override
  public Sequence open() {
    return open(null, NO_ROWS);
  }

  @Override
  public int sourceLength() {
    if (!(model.config() instanceof Seq2SeqConfig c)) {
      return 0;
    }
    return (int) Math.min(c.maxSourceTokens(), (long) cache.blocks() * cache.blockTokens());
  }

  @Override
  public Sequence open(Source source) {
    return open(source, NO_ROWS);
  }

  @Override
  public Sequence open(Source source, float[] rows) {
    if (source == null) {
      return new CachedText(cache.open(), null, rows);
    }
    if (!(model instanceof Seq2SeqModel)) {
      throw new UnsupportedOperationException("a decoder without encoder");
    }
    return new CachedText(cache.open(), new CachedSource(source), rows);
  }

  @Override
  public int width() {
    return model.config().hiddenSize();
  }

  @Override
  public void begin() {
    batch.clear();
    sourceBatches = 0;
    unread.clear();
  }

  @Override
  public void add(Sequence sequence, int[] ids, int from, int to) {
    try {
      add((CachedText) sequence, ids, from, to);
    } catch (dev.panaformer.kernel.decoding.CacheExhaustedException e) {
      throw new CacheExhaustedException(e);
    }
  }

  private void add(CachedText text, int[] ids, int from, int to) {
    CachedSource source = text.source;
    if (source == null) {
      batch.add(text.sequence, ids, from, to, text.rows);
      return;
    }
    if (!source.read && !unread.contains(source)) {
      // What a pass that failed has left of it.
      source.sequence.truncate(0);
      batchFor(source.source).add(source.sequence, source.source.ids(), 0, source.source.length());
      unread.add(source);
    }
    batch.add(text.sequence, source.sequence, ids, from, to, text.rows);
  }

  /**
   * Sources of tokens are read together, but no more of them than a step computes: that bounds
   * memory. States are taken one source at a time.
   */
  private DecoderBatch batchFor(Source source) {
    boolean together =
        sourceBatches > 0
            && source.states().length == 0
            && states.get(sourceBatches - 1).length == 0
            && sources.get(sourceBatches - 1).tokens().tokens() + source.length() <= stepTokens;
    if (!together) {
      if (sourceBatches == sources.size()) {
        sources.add(new DecoderBatch());
        states.add(NO_ROWS);
      }
      states.set(sourceBatches, source.states());
      sources.get(sourceBatches++).clear();
    }
    return sources.get(sourceBatches - 1);
  }

  @Override
  public void forward(int[] rows) {
    batch.query(rows);
    asked = rows;
    if (!unread.isEmpty()) {
      for (int i = 0; i < sourceBatches; i++) {
        Seq2SeqModel seq2seq = (Seq2SeqModel) model;
        if (states.get(i).length > 0) {
          seq2seq.attend(states.get(i), sources.get(i), cache, workspace);
        } else {
          seq2seq.encode(sources.get(i), cache, workspace, Trace.NONE);
        }
      }
      unread.forEach(source -> source.read = true);
    }
    if (batch.rows() > 0) {
      // Rows come from the host, which no step that is recorded and repeated can do.
      pass();
    } else {
      model.kernels().step(pass);
    }
  }

  private void pass() {
    hiddenStates = model.forward(batch, cache, workspace, Trace.NONE);
  }

  private MemorySegment gather(int[] rows, int count) {
    long hidden = model.config().hiddenSize();
    MemorySegment gathered = workspace.floats(ROWS, count * hidden);
    for (int i = 0; i < count; i++) {
      long row = Arrays.binarySearch(asked, rows[i]);
      model.kernels().memory().copy(hiddenStates, row * hidden, gathered, i * hidden, hidden);
    }
    return gathered;
  }

  @Override
  public MemorySegment logits(int[] rows, int count) {
    MemorySegment logits = workspace.floats(LOGITS, (long) count * vocabulary());
    model
        .kernels()
        .linear()
        .linear(
            gather(rows, count), model.head(), MemorySegment.NULL, logits, count, Activation.NONE);
    return model.kernels().memory().onHost(logits, (long) count * vocabulary(), workspace);
  }

  @Override
  public Candidates best(int[] rows, int count, int k, float[] inverseTemperatures) {
    Candidates best = room(count, k, logSumExp.ensure((long) count * Float.BYTES));
    model
        .kernels()
        .decoding()
        .linearTopK(
            gather(rows, count),
            model.head(),
            floats(inverseTemperatures, count),
            new TopK(best.values(), best.ids(), best.logSumExp(), k),
            count,
            workspace);
    return best;
  }

  @Override
  public Candidates best(int[] rows, int count, int k) {
    Candidates best = room(count, k, MemorySegment.NULL);
    head.best(gather(rows, count), best.values(), best.ids(), count, k, workspace);
    return best;
  }

  @Override
  public Candidates best(MemorySegment logits, int count, int k, float[] inverseTemperatures) {
    Candidates best = room(count, k, logSumExp.ensure((long) count * Float.BYTES));
    model
        .kernels()
        .decoding()
        .topK(
            logits,
            floats(inverseTemperatures, count),
            new TopK(best.values(), best.ids(), best.logSumExp(), k),
            count,
            vocabulary());
    return best;
  }

  private MemorySegment floats(float[] array, int count) {
    MemorySegment segment = inverseTemperatures.ensure((long) count * Float.BYTES);
    MemorySegment.copy(array, 0, segment, JAVA_FLOAT, 0, count);
    return segment;
  }

  private Candidates room(int count, int k, MemorySegment logSumExp) {
    long bytes = (long) count * k * Float.BYTES;
    return new Candidates(values.ensure(bytes), ids.ensure(bytes), logSumExp, k);
  }

  @Override
  public void close() {
    cache.close();
    head.close();
    workspace.close();
    batch.close();
    sources.forEach(DecoderBatch::close);
    inverseTemperatures.close();
    values.close();
    ids.close();
    logSumExp.close();
  }
}
