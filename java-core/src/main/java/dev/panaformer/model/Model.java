package dev.panaformer.model;

/**
 * A model whose weights are loaded. Immutable and thread-safe; each pass needs a {@link
 * dev.panaformer.kernel.Workspace} of its own. The memory and the kernels belong to whoever loaded
 * the model.
 */
public sealed interface Model permits TextEncoder, LanguageModel, VisionTask {

  ModelConfig config();
}
