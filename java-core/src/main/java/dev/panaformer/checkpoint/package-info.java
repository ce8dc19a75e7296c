/**
 * Reads model files: tensors by name from safetensors and ONNX files, config.json, and the folder
 * that contains them. Power users read the tensors of a checkpoint with {@link
 * dev.panaformer.checkpoint.SafetensorsCheckpoint}. Every loader throws {@link
 * dev.panaformer.checkpoint.CheckpointException} for a file that cannot be used.
 *
 * <p>Exported. May import {@code tensor}.
 */
package dev.panaformer.checkpoint;
