package dev.panaformer.cli.command;

import dev.panaformer.ImageOptions;
import dev.panaformer.cli.arguments.ImageArguments;
import dev.panaformer.cli.arguments.InputSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;

/**
 * A command that evaluates a model on images, one file after the other.
 *
 * @param <M> the model
 */
abstract class ImageCommand<M extends AutoCloseable> extends ModelCommand<M, Path> {
  @Mixin private ImageArguments arguments;

  ImageCommand(String task) {
    super(task);
  }

  @Override
  final InputSource<Path> inputs() {
    return arguments.images();
  }

  @Override
  final M load() throws IOException {
    return load(arguments.model(), arguments.options());
  }

  abstract M load(Path model, ImageOptions options) throws IOException;

  @Override
  final void evaluate(M model, List<Path> files) throws IOException {
    for (Path file : files) {
      evaluate(model, file);
    }
  }

  /** Evaluates the model on one image, prints the result, and draws it if that is asked for. */
  abstract void evaluate(M model, Path file) throws IOException;

  /**
   * Checks an option that takes the file of a picture to write.
   *
   * @throws dev.panaformer.cli.terminal.UsageException if it is no PNG, or if there are several
   *     images to draw on it
   */
  final void requireOnePicture(String option, Path file) {
    arguments.requireOnePicture(option, file);
  }
}
