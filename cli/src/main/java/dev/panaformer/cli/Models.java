package dev.panaformer.cli;

import java.io.IOException;
import java.nio.file.Path;

/** The model that commands use when none is named. */
public final class Models {
  private Models() {}

  /** all-MiniLM-L6-v2, converted into the cache if it is not there yet. */
  public static Path defaultFolder() throws IOException {
    return DefaultModel.folder();
  }
}
