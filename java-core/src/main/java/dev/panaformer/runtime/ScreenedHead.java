package dev.panaformer.runtime;

import dev.panaformer.kernel.decoding.DecodingKernels;
import dev.panaformer.kernel.decoding.Screen;
import dev.panaformer.kernel.decoding.TopK;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.decoder.LanguageModel;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A language model head with its screen. The screen is a smaller approximation of the head, which
 * often suffices to find the best tokens. It detects when it cannot decide; then the whole head is
 * evaluated. After such a failure the screen is skipped for a number of calls that grows with each
 * failure.
 *
 * <p>Not thread-safe.
 */
final class ScreenedHead implements AutoCloseable {
  private final LanguageModel model;
  private final NativeMemory memory = NativeMemory.onHugePages();
  private final Optional<Screen> screen;
  private final Pause pause = new Pause();

  ScreenedHead(LanguageModel model) {
    this.model = model;
    try {
      this.screen = model.kernels().decoding().screen(model.head().weight(), memory);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /** Evaluates {@link DecodingKernels#linearBest} on rows of hidden states. */
  void best(
      MemorySegment x,
      MemorySegment values,
      MemorySegment ids,
      int rows,
      int k,
      Workspace workspace) {
    boolean screens = screen.isPresent() && rows <= Screen.MAX_ROWS && pause.isOver();
    long computed =
        model
            .kernels()
            .decoding()
            .linearBest(
                x,
                model.head(),
                screens ? screen : Optional.empty(),
                new TopK(values, ids, MemorySegment.NULL, k),
                rows,
                workspace);
    if (screens) {
      pause.after(computed < model.head().out());
    }
  }

  @Override
  public void close() {
    memory.close();
  }

  /** Counts the calls for which the screen is skipped after a failure: 1, then 3, 7 and so on. */
  static final class Pause {
    private static final int LONGEST = 255;

    private int length;
    private int left;

    /** Whether the screen may be tried again. If not, this call counts towards the pause. */
    boolean isOver() {
      if (left == 0) {
        return true;
      }
      left--;
      return false;
    }

    /** Records the outcome of a try. */
    void after(boolean helped) {
      length = helped ? 0 : Math.min(2 * length + 1, LONGEST);
      left = length;
    }
  }
}
