/**
 * Model files: tensors by their names from safetensors and ONNX files, config.json, and the folder
 * that holds them. Power users read the tensors of a checkpoint with {@link
 * dev.panaformer.checkpoint.SafetensorsCheckpoint}. {@link
 * dev.panaformer.checkpoint.CheckpointException} is what every loader throws for a file that cannot
 * be used.
 *
 * <p>Exported. May import {@code tensor}.
 */
package dev.panaformer.checkpoint;
