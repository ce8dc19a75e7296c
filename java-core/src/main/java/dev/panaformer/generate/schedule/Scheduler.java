package dev.panaformer.generate.schedule;

import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.ContextOverflow;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.Prefix;
import java.lang.System.Logger.Level;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/**
 * Runs all generations of a model together by continuous batching (Yu et al. 2022). A single thread
 * repeats a step. One batched pass of a step evaluates the next token of every running text and a
 * part of every prompt that is not completely read. Texts join and leave between steps. Long
 * prompts are divided into parts, so that it delays the other texts by at most {@code stepTokens}
 * tokens per step. Prompts share this limit evenly.
 *
 * <p>Texts are admitted in order of arrival. A text is admitted when the cache has room for its
 * maximum length. Therefore no text has to be stopped or evaluated again for lack of room. The
 * thread is parked while there is nothing to do. If a pass fails, only the texts that caused the
 * failure fail.
 *
 * <p>Thread-safe. {@link #close} refuses further texts and waits for running texts. If a thread is
 * interrupted while it waits in {@link #close}, the running texts are cancelled.
 */
public final class Scheduler implements AutoCloseable {
  private static final System.Logger LOGGER = System.getLogger(Scheduler.class.getName());

  /** The interval at which the deadlines of waiting texts are checked. */
  private static final long PATIENCE_MILLIS = 10;

  private final String name;
  private final Decoder decoder;
  private final Inputs inputs;
  private final Set<Integer> endTokens;
  private final Function<int[], String> decode;
  private final int maxSequences;
  private final int stepTokens;

  private final ReentrantLock submission = new ReentrantLock();
  private final LinkedBlockingQueue<Runnable> arrivals = new LinkedBlockingQueue<>();
  private final Thread thread;
  private boolean closed; // guarded by submission
  private volatile boolean abandoned;
  private volatile WeakReference<Object> owner = new WeakReference<>(null);

  // The following fields are used by the scheduler's thread only.
  private final Selection selection;
  private final List<Task> waiting = new ArrayList<>();
  private final List<Task> live = new ArrayList<>();
  private final Set<CachedPrefix> kept = new HashSet<>();
  private boolean ending;
  private int usedBlocks;
  private int usedWidth;

  /**
   * @param name the name of the model, for messages
   * @param decoder owned by this scheduler from now on, and closed with it
   * @param endTokens the end tokens of the model
   * @param decode decodes ids to text; null if there is no tokenizer
   * @param maxSequences the maximum number of sequences in a step
   * @param stepTokens the maximum number of tokens in a step, unless there are more sequences; at
   *     least half of it is reserved for prompts
   */
  public Scheduler(
      String name,
      Decoder decoder,
      Set<Integer> endTokens,
      Function<int[], String> decode,
      int maxSequences,
      int stepTokens) {
    if (maxSequences < 1 || stepTokens < 1) {
      throw new IllegalArgumentException(
          "maxSequences is " + maxSequences + ", stepTokens " + stepTokens + ", at least 1 each");
    }
    this.name = name;
    this.decoder = decoder;
    this.inputs = new Inputs(name, decoder);
    this.endTokens = Set.copyOf(endTokens);
    this.decode = decode;
    this.maxSequences = maxSequences;
    this.stepTokens = stepTokens;
    this.selection = new Selection(decoder);
    this.thread = new Thread(this::run, "panaformer-scheduler");
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Sets the object that generations keep reachable until they end: the model that they use. The
   * scheduler itself does not, because its thread would keep a model that nobody uses forever.
   */
  public void keepsWhileGenerating(Object owner) {
    this.owner = new WeakReference<>(owner);
  }

  /**
   * Starts to continue a prompt, and returns immediately.
   *
   * @throws IllegalArgumentException if the prompt has no tokens, or is longer than the context and
   *     the options refuse it; if there are more beams than sequences; or if there are stop strings
   *     without a tokenizer
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   * @throws CacheExhaustedException if the whole cache is too small for the text
   * @throws IllegalStateException if the scheduler is closed
   */
  public Generation generate(int[] prompt, GenerationOptions options) {
    return generate(null, inputs.prompt(prompt), null, options);
  }

  /**
   * Starts to continue a prompt that may contain rows of embeddings.
   *
   * @throws IllegalArgumentException as for a prompt of ids; or if the width of the rows is not
   *     that of the model
   */
  public Generation generate(Prompt prompt, GenerationOptions options) {
    return generate(null, prompt, null, options);
  }

  /**
   * Starts to generate a text from a source, which the encoder reads.
   *
   * @param prompt the beginning of the text; contains at least the start token
   * @throws IllegalArgumentException if the source has no tokens, or more than the encoder accepts;
   *     or as for a prompt
   * @throws IndexOutOfBoundsException if an id of the prompt is outside the vocabulary
   */
  public Generation generate(int[] source, int[] prompt, GenerationOptions options) {
    Source read = inputs.requireSource(Source.of(source));
    return generate(read, inputs.prompt(prompt), null, options);
  }

  /**
   * Starts to generate a text from a source of tokens or of encoder states.
   *
   * @throws IllegalArgumentException as for ids; or if the width of the states or rows is not that
   *     of the model
   */
  public Generation generate(Source source, Prompt prompt, GenerationOptions options) {
    return generate(inputs.requireSource(source), prompt, null, options);
  }

  /**
   * Starts to continue a prompt that consists of a prefix and further tokens.
   *
   * @param rest the tokens after the prefix; may be empty
   * @throws IllegalArgumentException as for a prompt; or if the prefix belongs to another model
   * @throws IllegalStateException if the prefix or the scheduler is closed
   */
  public Generation generate(Prefix given, int[] rest, GenerationOptions options) {
    if (!(given instanceof PrefixHandle handle && handle.prefix().belongsTo(this))) {
      throw new IllegalArgumentException("the prefix was read by another model than " + name);
    }
    try {
      return generate(handle.prefix(), rest, options);
    } finally {
      Reference.reachabilityFence(given);
    }
  }

  private Generation generate(CachedPrefix prefix, int[] rest, GenerationOptions options) {
    int[] prompt = Arrays.copyOf(prefix.ids(), prefix.length() + rest.length);
    System.arraycopy(rest, 0, prompt, prefix.length(), rest.length);
    // A prompt whose oldest tokens are dropped no longer begins with the prefix.
    return generate(
        null,
        inputs.prompt(prompt),
        prompt.length > decoder.contextLength() ? null : prefix,
        options);
  }

  private Generation generate(
      Source source, Prompt prompt, CachedPrefix prefix, GenerationOptions options) {
    inputs.requireOptions(options, maxSequences, decode != null);
    inputs.requireRows(prompt);
    int[] read = inputs.fit(prompt.ids(), options.contextOverflow());
    long seed = options.seed().orElseGet(ThreadLocalRandom.current()::nextLong);
    int promptTokens = source == null ? read.length : source.length();
    RunningGeneration generation =
        new RunningGeneration(read, promptTokens, options, seed, decode, owner.get());
    Set<Integer> ends = new HashSet<>(options.stopIds());
    if (options.stopAtEndToken()) {
      ends.addAll(endTokens);
    }
    submit(
        options.beams() > 1
            ? new BeamTask(generation, read, prefix, source, prompt.rows(), ends, decoder, decode)
            : new SampleTask(generation, read, prefix, source, prompt.rows(), ends, decoder));
    return generation;
  }

  /**
   * Evaluates a common beginning of texts and keeps it in the cache. Waits until it is evaluated.
   *
   * @return the prefix, which the caller closes
   * @throws IllegalArgumentException if there are no tokens, or more than the context
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   * @throws CacheExhaustedException if the cache has no room for it now
   * @throws CancellationException if the thread is interrupted
   */
  public Prefix prefix(int[] ids) {
    CachedPrefix prefix =
        new CachedPrefix(inputs.fit(inputs.prompt(ids).ids(), ContextOverflow.REFUSE), this);
    PrefixTask task = new PrefixTask(prefix, decoder);
    submit(task);
    await(prefix.computed(), task);
    return new PrefixHandle(prefix);
  }

  String name() {
    return name;
  }

  boolean isClosed() {
    submission.lock();
    try {
      return closed;
    } finally {
      submission.unlock();
    }
  }

  void leave(CachedPrefix prefix) {
    submission.lock();
    try {
      if (!closed) {
        arrivals.add(() -> release(prefix));
      }
    } finally {
      submission.unlock();
    }
  }

  /**
   * Computes the log-probability of each token of a text, given the tokens before it. Waits for the
   * result.
   *
   * @param first the first token to be scored, at least 1
   * @return one log-probability for each token from {@code first} on
   * @throws IllegalArgumentException if the text is more than one token longer than the context
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   * @throws CancellationException if the thread is interrupted
   */
  public float[] score(int[] ids, int first) {
    return tokenScores(ids, first).logProbabilities();
  }

  /**
   * Computes the log-probabilities like {@link #score(int[], int)}, and the most probable token at
   * each position.
   */
  public TokenScores tokenScores(int[] ids, int first) {
    return scoreTask(null, ids, first);
  }

  /** Computes the token scores of a target text, given a source. */
  public TokenScores tokenScores(int[] source, int[] ids, int first) {
    return scoreTask(inputs.requireSource(Source.of(source)), ids, first);
  }

  private TokenScores scoreTask(Source source, int[] ids, int first) {
    inputs.requireScored(ids, first);
    ScoreTask task = new ScoreTask(source, ids.clone(), first, decoder);
    submit(task);
    return await(task.end(), task);
  }

  private static <T> T await(Future<T> end, Task task) {
    try {
      return end.get();
    } catch (InterruptedException e) {
      task.cancel();
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while waiting for a text to be read");
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : new CompletionException(e);
    }
  }

  private void submit(Task task) {
    CachedPrefix prefix = task.prefix();
    int blocks = task.blocks() + (prefix == null ? 0 : blocks(prefix));
    if (blocks > decoder.blocks()) {
      throw new CacheExhaustedException(blocks, decoder.blocks(), decoder.blocks());
    }
    submission.lock();
    try {
      if (closed) {
        throw new IllegalStateException(name + " is closed");
      }
      if (prefix != null && prefix.isClosed()) {
        throw new IllegalStateException("the prefix is closed");
      }
      arrivals.add(() -> {
        if (prefix != null) {
          prefix.use();
        }
        waiting.add(task);
      });
    } finally {
      submission.unlock();
    }
  }

  private void run() {
    while (true) {
      receive();
      if (ending) {
        // The owners of idle prefixes can no longer use them, and waiting texts may need the room.
        List.copyOf(kept).stream().filter(CachedPrefix::isIdle).forEach(this::release);
        if (waiting.isEmpty() && live.isEmpty()) {
          return;
        }
      }
      try {
        step();
      } catch (Throwable e) {
        // Only errors such as lack of memory get here. The waiting threads must be notified.
        LOGGER.log(Level.ERROR, "a step of " + name + " failed", e);
        RuntimeException cause = new IllegalStateException(name + ": a step failed: " + e, e);
        live.forEach(task -> task.fail(cause));
      }
      live.removeIf(this::released);
    }
  }

  /** Receives new tasks. Waits for one if there is nothing else to do. */
  private void receive() {
    try {
      if (waiting.isEmpty() && live.isEmpty() && !ending) {
        arrivals.take().run();
      } else if (live.isEmpty() && !ending) {
        // Waiting texts can proceed only when a prefix is closed, or when their time limit is
        // reached.
        Runnable next = arrivals.poll(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
        if (next != null) {
          next.run();
        }
      }
    } catch (InterruptedException e) {
      // No code interrupts this thread.
    }
    for (Runnable next = arrivals.poll(); next != null; next = arrivals.poll()) {
      next.run();
    }
  }

  private void step() {
    for (List<Task> tasks : List.of(live, waiting)) {
      for (Task task : tasks) {
        if (abandoned) {
          task.cancel();
        }
        task.guard(task::checkInterrupted);
      }
    }
    live.removeIf(this::released);
    waiting.removeIf(this::left);
    admit();
    pass(budgets());
    live.removeIf(this::keptPrefix);
  }

  /** Releases everything that a task holds if the task has ended. */
  private boolean released(Task task) {
    if (!task.done()) {
      return false;
    }
    task.release();
    usedBlocks -= task.blocks();
    usedWidth -= task.width();
    return left(task);
  }

  private boolean left(Task task) {
    if (task.done() && task.prefix() != null) {
      release(task.prefix());
    }
    return task.done();
  }

  private void release(CachedPrefix prefix) {
    if (prefix.leave()) {
      kept.remove(prefix);
      usedBlocks -= blocks(prefix);
    }
  }

  private int blocks(CachedPrefix prefix) {
    return Task.ceilDiv(prefix.length(), decoder.blockTokens());
  }

  /** Keeps the blocks of a prefix that is completely evaluated when its task ends. */
  private boolean keptPrefix(Task task) {
    if (!(task instanceof PrefixTask reader && reader.complete())) {
      return false;
    }
    usedWidth -= task.width();
    kept.add(reader.handOver());
    return true;
  }

  private void admit() {
    boolean queued = false;
    for (Iterator<Task> i = waiting.iterator(); i.hasNext(); ) {
      Task task = i.next();
      int free = decoder.blocks() - usedBlocks;
      boolean room = task.blocks() <= free;
      if (!queued && room && task.width() <= maxSequences - usedWidth) {
        i.remove();
        live.add(task);
        usedBlocks += task.blocks();
        usedWidth += task.width();
        task.guard(() -> task.start(decoder));
      } else if (!room && task.cacheShortage() == CacheShortage.FAIL) {
        task.fail(new CacheExhaustedException(task.blocks(), free, decoder.blocks()));
        left(task);
        i.remove();
      } else {
        queued = true;
      }
    }
  }

  private record Budget(Task task, int tokens) {}

  /**
   * Assigns the number of tokens of this step: one for each decoding sequence, and an even share of
   * the rest for each prompt.
   */
  private List<Budget> budgets() {
    List<Task> going = live.stream().filter(task -> !task.done()).toList();
    int decoding = going.stream().filter(t -> !t.reading()).mapToInt(Task::pending).sum();
    int readers = (int) going.stream().filter(Task::reading).count();
    int rest = Math.max(stepTokens - decoding, (stepTokens + 1) / 2);
    List<Budget> budgets = new ArrayList<>();
    for (Task task : going) {
      int tokens = task.pending();
      if (task.reading()) {
        tokens = Math.min(tokens, Task.ceilDiv(rest, readers--));
        rest -= tokens;
      }
      if (tokens > 0) {
        budgets.add(new Budget(task, tokens));
      }
    }
    return budgets;
  }

  /**
   * Evaluates the pass. If it fails as a whole, each task is evaluated alone, which identifies the
   * task that caused the failure.
   */
  private void pass(List<Budget> budgets) {
    if (budgets.isEmpty()) {
      return;
    }
    List<Task> planned = new ArrayList<>();
    try {
      decoder.begin();
      for (Budget budget : budgets) {
        planned.add(budget.task);
        budget.task.plan(budget.tokens);
      }
      decoder.forward(Selection.rows(planned));
    } catch (RuntimeException e) {
      planned.forEach(Task::undo);
      if (budgets.size() == 1) {
        planned.get(0).fail(e);
      } else {
        budgets.forEach(budget -> pass(List.of(budget)));
      }
      return;
    }
    selection.choose(planned);
  }

  /**
   * Refuses further texts, waits for running texts, and closes the decoder. Closing again has no
   * effect.
   */
  @Override
  public void close() {
    submission.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      arrivals.add(() -> ending = true);
    } finally {
      submission.unlock();
    }
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        abandoned = true;
        interrupted = true;
      }
    }
    decoder.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
