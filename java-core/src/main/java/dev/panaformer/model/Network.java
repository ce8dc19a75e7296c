package dev.panaformer.model;

import dev.panaformer.model.decoder.LanguageModel;
import dev.panaformer.model.text.TextEncoder;
import dev.panaformer.model.vision.VisionTask;

/**
 * A model with its weights, ready for forward passes. Immutable and thread-safe; each concurrent
 * forward pass needs a {@link dev.panaformer.kernel.memory.Workspace} of its own. The caller that
 * loads a network owns its memory and its kernels. It must keep both open while the network is
 * used.
 */
public sealed interface Network permits TextEncoder, LanguageModel, VisionTask {

  ModelConfig config();
}
