package dev.panaformer.cli.verify;

/** Receives each comparison of a case as soon as it is made. */
public interface Report {
  void add(Comparison comparison);
}
