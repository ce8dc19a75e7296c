package dev.panaformer.model;

/** What the logits of a sequence classifier stand for: {@code problem_type} of config.json. */
public enum ProblemType {
  /** A value each. */
  REGRESSION,
  /** One label of several, by softmax; a single one by sigmoid. */
  SINGLE_LABEL_CLASSIFICATION,
  /** Any of the labels, by a sigmoid each. */
  MULTI_LABEL_CLASSIFICATION
}
