/**
 * JMH benchmarks of single kernels and of a call to native code. The same kernel is timed in C, in
 * plain Java and on the Vector API.
 *
 * <p>It imports kernels and bindings of the library, and no other package of this module.
 */
package dev.panaformer.bench.kernel;
