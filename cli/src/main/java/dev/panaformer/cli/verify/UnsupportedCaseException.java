package dev.panaformer.cli.verify;

/** Thrown by a case that needs something that Panaformer does not support yet. */
public final class UnsupportedCaseException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public UnsupportedCaseException(String what) {
    super(what);
  }
}
