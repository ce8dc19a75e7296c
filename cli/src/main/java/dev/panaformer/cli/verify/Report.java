package dev.panaformer.cli.verify;

/** Gets the comparisons of a case as soon as they are made. */
public interface Report {
  void add(Comparison comparison);
}
