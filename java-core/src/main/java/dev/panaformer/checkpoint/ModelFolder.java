package dev.panaformer.checkpoint;

import dev.panaformer.kernel.Pooling;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A model's folder as Hugging Face lays it out: {@code config.json}, weights, tokenizer, and for
 * sentence embeddings {@code modules.json}. Only names are resolved here; nothing stays open.
 */
public record ModelFolder(Path path) {

  /** How sentence-transformers makes one vector of a text. */
  public record SentenceModules(Pooling pooling, boolean normalize) {}

  /**
   * @throws CheckpointException if there is no such folder
   */
  public static ModelFolder open(Path path) {
    throw new UnsupportedOperationException();
  }

  /**
   * {@code config.json} or, where only an ONNX file is there, what that tells.
   *
   * @throws CheckpointException if there is neither, naming the folder
   */
  public ConfigJson config() {
    throw new UnsupportedOperationException();
  }

  /**
   * Opens the weights: {@code model.safetensors}, else {@code model.safetensors.index.json}, else
   * {@code model.onnx}, else {@code onnx/model.onnx}.
   *
   * @throws CheckpointException if there are none, or they cannot be used
   */
  public Checkpoint openWeights() {
    throw new UnsupportedOperationException();
  }

  /** What {@code modules.json} and the files it names say; empty without that file. */
  public Optional<SentenceModules> sentenceModules() {
    throw new UnsupportedOperationException();
  }

  /** {@code max_seq_length} of {@code sentence_bert_config.json}. */
  public OptionalInt maxSequenceLength() {
    throw new UnsupportedOperationException();
  }
}
