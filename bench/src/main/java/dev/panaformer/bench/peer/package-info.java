/**
 * The peers that Panaformer is compared with: ONNX Runtime and llama.cpp. Each class evaluates one
 * kind of model.
 *
 * <p>It may import {@code bench.model}.
 */
package dev.panaformer.bench.peer;
