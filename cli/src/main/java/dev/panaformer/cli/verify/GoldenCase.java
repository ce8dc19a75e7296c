package dev.panaformer.cli.verify;

import java.io.IOException;

/** Inputs and the reference's outputs for one model, operator or tokenizer. */
public interface GoldenCase {

  /** The name of the case, which is that of its folder or file. */
  String name();

  /**
   * Computes every output of the reference and reports its comparison.
   *
   * @throws UnsupportedCaseException if the case needs something that Panaformer does not support
   *     yet
   */
  void run(Backends backends, Report report) throws IOException;
}
