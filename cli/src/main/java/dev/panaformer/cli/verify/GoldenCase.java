package dev.panaformer.cli.verify;

import java.io.IOException;

/** Inputs and the reference's outputs for one model, operator or tokenizer. */
public interface GoldenCase {

  /** What to call it: the name of its folder or file. */
  String name();

  /**
   * Computes what the reference computed and reports each of its outputs.
   *
   * @throws UnsupportedCaseException if the case needs what Panaformer does not do yet
   */
  void run(Backends backends, Report report) throws IOException;
}
