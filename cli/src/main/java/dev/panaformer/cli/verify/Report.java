package dev.panaformer.cli.verify;

/** Takes the outputs of a case as they are compared. */
public interface Report {
  void add(Comparison comparison);
}
