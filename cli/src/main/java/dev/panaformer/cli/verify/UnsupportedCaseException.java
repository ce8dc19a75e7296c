package dev.panaformer.cli.verify;

/** A case that asks for something that Panaformer does not do yet, as opposed to doing it wrong. */
public final class UnsupportedCaseException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public UnsupportedCaseException(String what) {
    super(what);
  }
}
