package dev.panaformer.cli.verify;

/** Thrown by a case that asks for something that Panaformer does not do yet. */
public final class UnsupportedCaseException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public UnsupportedCaseException(String what) {
    super(what);
  }
}
