/**
 * Transformers on the JVM.
 *
 * <p>Exported to all: {@code dev.panaformer}, which is what most users need (texts or images in;
 * vectors, text, labels, boxes or maps out), with {@code generate}, {@code image} and {@code
 * objective}. {@code checkpoint} and {@code tensor} are exported for those who read the tensors of
 * model files themselves. The other packages serve the project's own modules and change without
 * notice.
 *
 * <p>{@code requires dev.panaformer} is all that a program needs. The JVM must allow native access:
 * {@code --enable-native-access=dev.panaformer,dev.panaformer.bindings}. The jar with the native
 * library is found wherever it lies on the module path or class path; a run-time image of jlink
 * holds it if {@code --add-modules} names it. Readers of images beyond the JDK's are services,
 * which ImageIO finds on the module path and class path; they are automatic modules, so an image of
 * jlink finds them on the path of its {@code java}.
 *
 * <p>No type of a library is part of the API, except {@code BufferedImage}.
 */
module dev.panaformer {
  requires com.google.gson;
  requires dev.panaformer.bindings;
  requires java.desktop;

  exports dev.panaformer;
  exports dev.panaformer.checkpoint;
  exports dev.panaformer.generate;
  exports dev.panaformer.image;
  exports dev.panaformer.objective;
  exports dev.panaformer.tensor;
  exports dev.panaformer.image.preprocessing to
      dev.panaformer.bench;
  exports dev.panaformer.kernel to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.kernel.attention to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.kernel.decoding to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.kernel.embedding to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.kernel.engine to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.kernel.image to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.kernel.linear to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.kernel.memory to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.kernel.norm to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.model to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.model.decoder to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.model.text to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.model.vision to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.nn to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.nn.weights to
      dev.panaformer.bench,
      dev.panaformer.cli;
  exports dev.panaformer.tokenizer to
      dev.panaformer.bench,
      dev.panaformer.cli;
}
