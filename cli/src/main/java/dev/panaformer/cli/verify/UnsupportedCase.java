package dev.panaformer.cli.verify;

/**
 * A case of a kind that Panaformer cannot run yet. It exists so that the case is reported by name.
 *
 * @param what the kind
 */
record UnsupportedCase(String name, String what) implements GoldenCase {
  @Override
  public void run(Backends backends, Report report) {
    throw new UnsupportedCaseException(what);
  }
}
