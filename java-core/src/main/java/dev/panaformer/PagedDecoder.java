package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.Candidates;
import dev.panaformer.generate.Decoder;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.decoding.TopK;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.GrowableBuffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.DecoderConfig;
import dev.panaformer.model.LanguageModel;
import dev.panaformer.model.Seq2SeqConfig;
import dev.panaformer.model.Seq2SeqModel;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A model over a cache of its own. */
final class PagedDecoder implements Decoder {
  private static final Buffer ROWS = Buffer.named("hidden states that a head reads");
  private static final Buffer LOGITS = Buffer.named("logits");

  /** Contexts for which the cache has room by default, unless they are too large. */
  private static final int DEFAULT_CONTEXTS = 4;

  private static final long MAX_DEFAULT_BYTES = 1L << 30;

  private final LanguageModel model;
  private final KvCache cache;
  private final int contextLength;
  private final Workspace workspace;
  private final ScreenedHead head;
  private final DecoderBatch batch = new DecoderBatch();
  private final int stepTokens;
  private final List<DecoderBatch> sources = new ArrayList<>();
  private int sourceBatches;
  private final List<Source> unread = new ArrayList<>();
  private final GrowableBuffer inverseTemperatures = new GrowableBuffer();
  private final GrowableBuffer values = new GrowableBuffer();
  private final GrowableBuffer ids = new GrowableBuffer();
  private final GrowableBuffer logSumExp = new GrowableBuffer();
  private final Runnable pass = this::pass;
  private MemorySegment hiddenStates = MemorySegment.NULL;

  /** The rows of the hidden states, by their numbers in the pass. */
  private int[] asked = {};

  PagedDecoder(LanguageModel model, CausalLMOptions options) {
    DecoderConfig c = model.config();
    this.model = model;
    this.stepTokens = options.stepTokens();
    int blocks = Math.ceilDiv(cacheTokens(c, options), options.blockTokens());
    this.head = new ScreenedHead(model);
    try {
      this.cache =
          new KvCache(
              c.numLayers(),
              c.kvHeads(),
              c.headDim(),
              blocks,
              options.blockTokens(),
              model.kernels().memory());
    } catch (Throwable e) {
      head.close();
      throw e;
    }
    this.workspace = new Workspace(model.kernels().memory());
    this.contextLength = (int) Math.min(c.contextLength(), (long) blocks * options.blockTokens());
  }

  private static int cacheTokens(DecoderConfig c, CausalLMOptions options) {
    if (options.cacheTokens() > 0) {
      return options.cacheTokens();
    }
    long tokenBytes = 2L * c.numLayers() * c.kvHeads() * c.headDim() * Float.BYTES;
    long tokens = Math.max(1, MAX_DEFAULT_BYTES / tokenBytes);
    int source = c instanceof Seq2SeqConfig s ? s.maxSourceTokens() : 0;
    return (int) Math.min(tokens, (long) DEFAULT_CONTEXTS * (c.contextLength() + source));
  }

  /** What an encoder reads, once for all texts that attend to it. */
  private final class Source {
    private final int[] ids;
    private final KvCache.Sequence sequence = cache.open();
    private boolean read;
    private int users = 1;

    Source(int[] ids) {
      this.ids = ids;
    }

    void leave() {
      if (--users == 0) {
        sequence.close();
      }
    }
  }

  private static final class CachedText implements Sequence {
    private final KvCache.Sequence sequence;
    private final Source source;
    private boolean closed;

    /**
     * @param source null for none
     */
    CachedText(KvCache.Sequence sequence, Source source) {
      this.sequence = sequence;
      this.source = source;
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
      return new CachedText(sequence.fork(), source);
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

  int freeBlocks() {
    return cache.freeBlocks();
  }

  @Override
  public int blockTokens() {
    return cache.blockTokens();
  }

  @Override
  public Sequence open() {
    return new CachedText(cache.open(), null);
  }

  @Override
  public int sourceLength() {
    if (!(model.config() instanceof Seq2SeqConfig c)) {
      return 0;
    }
    return (int) Math.min(c.maxSourceTokens(), (long) cache.blocks() * cache.blockTokens());
  }

  @Override
  public Sequence open(int[] source) {
    if (!(model instanceof Seq2SeqModel)) {
      throw new UnsupportedOperationException("a decoder without encoder");
    }
    return new CachedText(cache.open(), new Source(source));
  }

  @Override
  public void begin() {
    batch.clear();
    sourceBatches = 0;
    unread.clear();
  }

  @Override
  public void add(Sequence sequence, int[] ids, int from, int to) {
    CachedText text = (CachedText) sequence;
    Source source = text.source;
    if (source == null) {
      batch.add(text.sequence, ids, from, to);
      return;
    }
    if (!source.read && !unread.contains(source)) {
      // What a pass that failed has left of it.
      source.sequence.truncate(0);
      batchFor(source).add(source.sequence, source.ids, 0, source.ids.length);
      unread.add(source);
    }
    batch.add(text.sequence, source.sequence, ids, from, to);
  }

  /** Sources are read together, but no more of them than a step computes: that bounds memory. */
  private DecoderBatch batchFor(Source source) {
    if (sourceBatches == 0
        || sources.get(sourceBatches - 1).tokens().tokens() + source.ids.length > stepTokens) {
      if (sourceBatches == sources.size()) {
        sources.add(new DecoderBatch());
      }
      sources.get(sourceBatches++).clear();
    }
    return sources.get(sourceBatches - 1);
  }

  @Override
  public void forward(int[] rows) {
    batch.query(rows);
    asked = rows;
    if (!unread.isEmpty()) {
      for (DecoderBatch read : sources.subList(0, sourceBatches)) {
        ((Seq2SeqModel) model).encode(read, cache, workspace, Trace.NONE);
      }
      unread.forEach(source -> source.read = true);
    }
    model.kernels().step(pass);
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
