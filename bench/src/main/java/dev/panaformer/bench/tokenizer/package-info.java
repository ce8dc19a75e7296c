/**
 * JMH benchmarks of tokenizers, against the Rust library of Hugging Face in the same run.
 *
 * <p>It may import {@code bench.model}.
 */
package dev.panaformer.bench.tokenizer;
