package dev.panaformer.model;

/** The meaning of a classifier's scores: {@code problem_type} of config.json. */
public enum ProblemType {
  /** Each score is a value. */
  REGRESSION,
  /** One label applies: softmax over all of them, or a sigmoid where there is a single label. */
  SINGLE_LABEL_CLASSIFICATION,
  /** Any number of labels apply: a sigmoid for each. */
  MULTI_LABEL_CLASSIFICATION
}
