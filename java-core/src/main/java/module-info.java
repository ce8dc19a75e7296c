/**
 * Transformers on the JVM. {@code dev.panaformer} is what most users need: text in, numbers or text
 * out. The packages below it are the parts, for those who run models by themselves.
 *
 * <p>The tokenizer library and protobuf are automatic modules under the names that their manifests
 * reserve; neither shows in this module's API. So is the jar with the native library, which is
 * found wherever it lies on the module path or class path. Readers of images are services of
 * java.desktop.
 */
module dev.panaformer {
  requires transitive com.google.gson;
  requires com.google.protobuf;
  requires dev.panaformer.bindings;
  requires ai.djl.tokenizers;
  requires transitive java.desktop;

  exports dev.panaformer;
  exports dev.panaformer.checkpoint;
  exports dev.panaformer.generate;
  exports dev.panaformer.image;
  exports dev.panaformer.kernel;
  exports dev.panaformer.kernel.attention;
  exports dev.panaformer.kernel.decoding;
  exports dev.panaformer.kernel.embedding;
  exports dev.panaformer.kernel.engine;
  exports dev.panaformer.kernel.image;
  exports dev.panaformer.kernel.linear;
  exports dev.panaformer.kernel.memory;
  exports dev.panaformer.kernel.norm;
  exports dev.panaformer.model;
  exports dev.panaformer.nn;
  exports dev.panaformer.objective;
  exports dev.panaformer.tensor;
  exports dev.panaformer.tokenizer;
}
