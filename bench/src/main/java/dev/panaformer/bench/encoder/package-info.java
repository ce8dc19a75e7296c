/**
 * JMH benchmarks of whole forward passes of all-MiniLM-L6-v2, and of the share of Java and of calls
 * to native code in such a pass.
 *
 * <p>It may import {@code bench.model} and {@code bench.peer}.
 */
package dev.panaformer.bench.encoder;
