package dev.panaformer.model.text;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.GoldenCases;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tests that the golden case of this head cannot cover. There, lowered scores of about a million
 * dominate the error norm.
 */
class BigBirdForQuestionAnsweringTest {
  private static final int SEPARATOR = 3;
  private static final int[] IDS = {11, 7, 9, SEPARATOR, 20, 21, SEPARATOR, 22};
  private static final int[] TYPES = {0, 0, 0, 0, 1, 1, 1, 1};

  static List<Named<Supplier<Kernels>>> kernels() {
    return TestKernels.all();
  }

  private static float[] scores(BertTask task, Workspace workspace, int[]... typeIds) {
    workspace.batch().clear();
    for (int[] types : typeIds) {
      task.append(workspace.batch(), IDS, types, null);
    }
    MemorySegment logits = task.forward(workspace.batch(), workspace, Trace.NONE);
    return logits.asSlice(0, 8L * IDS.length * typeIds.length).toArray(JAVA_FLOAT);
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void noAnswerLiesInTheQuestion(Supplier<Kernels> supplier) {
    ModelFolder folder = ModelFolder.open(GoldenCases.folder("bigbird-question-answering-small"));
    BertConfig config = BertConfig.of(folder.config());
    try (Kernels kernels = supplier.get();
        NativeMemory memory = new NativeMemory();
        Workspace workspace = new Workspace();
        Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames())) {
      BertTask task = BertTask.load(weights, config);
      assertInstanceOf(BigBirdForQuestionAnswering.class, task);
      float[] scores = scores(task, workspace, TYPES);
      for (int i = 0; i < scores.length; i++) {
        boolean question = i / 2 >= 1 && i / 2 <= 3;
        assertEquals(question, scores[i] < -9e5f, i + ": " + scores[i]);
        assertTrue(question || Math.abs(scores[i]) < 100, i + ": " + scores[i]);
      }
      // The context gets type 1 by default, and sequences of a batch do not affect each other.
      float[] twice = scores(task, workspace, null, TYPES);
      assertArrayEquals(scores, Arrays.copyOf(twice, scores.length));
      assertArrayEquals(scores, Arrays.copyOfRange(twice, scores.length, twice.length));
    }
  }
}
