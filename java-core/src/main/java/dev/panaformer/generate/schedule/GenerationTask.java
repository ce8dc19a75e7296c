package dev.panaformer.generate.schedule;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.GenerationOptions;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/**
 * The common part of all tasks that generate a text: the conditions that end it, and its prefix and
 * source.
 */
abstract class GenerationTask extends Task {
  final RunningGeneration generation;
  final GenerationOptions options;
  final int vocabulary;
  final int contextLength;
  final int blockTokens;
  private final CachedPrefix prefix;
  private final Source source;
  private final float[] rows;
  private final Set<Integer> ends;
  private boolean done;

  /**
   * @param prefix the beginning of the prompt that is already in the cache; or null
   * @param source the source that the decoder attends to; or null
   * @param rows the rows of embeddings in the prompt
   * @param ends tokens that end the text
   * @param shape used only for the dimensions of the model; it evaluates nothing yet
   */
  GenerationTask(
      RunningGeneration generation,
      CachedPrefix prefix,
      Source source,
      float[] rows,
      Set<Integer> ends,
      Decoder shape) {
    this.generation = generation;
    this.options = generation.options();
    this.prefix = prefix;
    this.source = source;
    this.rows = rows;
    this.ends = ends;
    this.vocabulary = shape.vocabulary();
    this.contextLength = shape.contextLength();
    this.blockTokens = shape.blockTokens();
  }

  /**
   * Opens the sequence, starting from the prefix if there is one. The last token of the prompt is
   * always evaluated.
   */
  Decoder.Sequence open(Decoder decoder, int promptLength) {
    if (rows.length > 0) {
      return decoder.open(source, rows);
    }
    if (source != null) {
      return decoder.open(source);
    }
    return prefix == null ? decoder.open() : prefix.fork(promptLength - 1);
  }

  /** The number of blocks that hold the keys and values of the source. */
  int sourceBlocks() {
    return source == null ? 0 : ceilDiv(source.length(), blockTokens);
  }

  /** The number of blocks of the prefix that are never written to. */
  int sharedBlocks(int promptLength) {
    return prefix == null ? 0 : Math.min(prefix.length(), promptLength - 1) / blockTokens;
  }

  @Override
  CachedPrefix prefix() {
    return prefix;
  }

  boolean isEnd(int id) {
    return ends.contains(id);
  }

  int endCount() {
    return ends.size();
  }

  /** Whether the text is still too short to end. */
  boolean suppressesEnds(int generated) {
    return generated < options.minNewTokens() && !ends.isEmpty();
  }

  void suppressEnds(MemorySegment logits, long offset) {
    for (int end : ends) {
      logits.setAtIndex(JAVA_FLOAT, offset + end, Float.NEGATIVE_INFINITY);
    }
  }

  void finish(FinishReason reason) {
    done = true;
    generation.finish(reason);
  }

  @Override
  void checkInterrupted() {
    if (generation.isCancelled()) {
      finish(FinishReason.CANCELLED);
    } else if (generation.isOverdue()) {
      finish(FinishReason.DEADLINE);
    }
  }

  @Override
  void cancel() {
    generation.cancel();
  }

  @Override
  boolean done() {
    return done;
  }

  @Override
  void fail(RuntimeException cause) {
    done = true;
    generation.fail(cause);
  }

  @Override
  CacheShortage cacheShortage() {
    return options.cacheShortage();
  }
}
