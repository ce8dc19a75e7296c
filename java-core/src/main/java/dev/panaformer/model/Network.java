package dev.panaformer.model;

import dev.panaformer.model.decoder.LanguageModel;
import dev.panaformer.model.text.TextEncoder;
import dev.panaformer.model.vision.VisionTask;

/**
 * A model with its weights, ready for forward passes. Immutable and thread-safe; each pass needs a {@link
 * dev.panaformer.kernel.memory.Workspace} of its own. The memory and the kernels belong to whoever loaded
 * the model.
 */
public sealed interface Network permits TextEncoder, LanguageModel, VisionTask {

  ModelConfig config();
}
