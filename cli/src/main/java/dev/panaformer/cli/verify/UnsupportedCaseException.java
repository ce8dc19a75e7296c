package dev.panaformer.cli.verify;

/** A case that asks for something that Panaformer does not do yet, as opposed to doing it wrong. */
final class UnsupportedCaseException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UnsupportedCaseException(String what) {
    super(what);
  }
}
