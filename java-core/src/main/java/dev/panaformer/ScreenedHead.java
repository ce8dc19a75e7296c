package dev.panaformer;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeMemory;
import dev.panaformer.kernel.Screen;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.model.LanguageModel;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A model's head with its screen, which finds the best tokens in few of the head's bytes or finds
 * that it cannot tell: where it could not, it is left alone for a while, longer each time.
 *
 * <p>Not thread-safe.
 */
final class ScreenedHead implements AutoCloseable {
  private static final int LONGEST_PAUSE = 255;

  private final LanguageModel model;
  private final NativeMemory memory = NativeMemory.onHugePages();
  private final Optional<Screen> screen;
  private int pause;
  private int pauseLeft;

  ScreenedHead(LanguageModel model) {
    this.model = model;
    try {
      this.screen = model.kernels().screen(model.head(), memory);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /** {@link Kernels#linearBest} of rows of hidden states. */
  void best(
      MemorySegment x,
      MemorySegment values,
      MemorySegment ids,
      int rows,
      int k,
      Workspace workspace) {
    boolean pauses = pauseLeft > 0;
    long computed =
        model
            .kernels()
            .linearBest(
                x,
                model.head(),
                model.headBias(),
                pauses ? Optional.empty() : screen,
                values,
                ids,
                rows,
                k,
                workspace);
    if (pauses) {
      pauseLeft--;
    } else if (screen.isPresent() && rows <= Screen.MAX_TOKENS) {
      pause = computed < model.head().out() ? 0 : Math.min(2 * pause + 1, LONGEST_PAUSE);
      pauseLeft = pause;
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
