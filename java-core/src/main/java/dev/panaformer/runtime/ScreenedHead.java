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
 * A model's head with its screen, which finds the best tokens in few of the head's bytes or finds
 * that it cannot tell: where it could not, it is left alone for a while, longer each time.
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

  /** {@link DecodingKernels#linearBest} of rows of hidden states. */
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

  /** For how many calls to leave alone what was of no help: 1, then 3, 7 and so on. */
  static final class Pause {
    private static final int LONGEST = 255;

    private int length;
    private int left;

    /** Whether to try again; if not, the pause is one shorter. */
    boolean isOver() {
      if (left == 0) {
        return true;
      }
      left--;
      return false;
    }

    /** To be told after a try. */
    void after(boolean helped) {
      length = helped ? 0 : Math.min(2 * length + 1, LONGEST);
      left = length;
    }
  }
}
