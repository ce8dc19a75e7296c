package dev.panaformer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.model.ProblemType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Converts the logits of a classifier to labels with scores, best first. */
final class Labels {
  private Labels() {}

  /**
   * @param logits {@code [rows, labels]}
   */
  static List<Label> scored(
      MemorySegment logits, int row, List<String> labels, ProblemType problemType) {
    double[] scores = new double[labels.size()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = logits.getAtIndex(JAVA_FLOAT, (long) row * scores.length + i);
    }
    if (problemType != ProblemType.REGRESSION) {
      if (scores.length == 1 || problemType == ProblemType.MULTI_LABEL_CLASSIFICATION) {
        Probabilities.sigmoid(scores);
      } else {
        Probabilities.softmax(scores);
      }
    }
    List<Label> scored = new ArrayList<>();
    for (int i = 0; i < scores.length; i++) {
      scored.add(new Label(labels.get(i), (float) scores[i]));
    }
    scored.sort(Comparator.comparingDouble(Label::score).reversed());
    return scored;
  }
}
