package dev.panaformer.consumer;

import java.nio.file.Path;

/**
 * Initialises every public class that the library exports, and runs every task that the arguments
 * name. Tests start it on the class path, on the module path and in a run-time image.
 *
 * <p>Arguments: the folder of the models and an image, then {@code classes}, {@code texts}, {@code
 * generation} or {@code images}.
 */
final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    Path models = Path.of(args[0]);
    Path image = Path.of(args[1]);
    for (int i = 2; i < args.length; i++) {
      switch (args[i]) {
        case "classes" -> ExportedClasses.initialize();
        case "texts" -> Tasks.texts(models);
        case "generation" -> Tasks.generation(models);
        case "images" -> Tasks.images(models, image);
        default -> throw new IllegalArgumentException(args[i]);
      }
    }
  }
}
