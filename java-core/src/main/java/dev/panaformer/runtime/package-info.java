/**
 * The life cycle that all loaded models share. {@link dev.panaformer.runtime.ModelRuntime} opens a
 * folder, loads the tokenizer on a separate thread, opens the kernels, loads the weights and leases
 * workspaces to calls. It closes once, after the last call. The runtimes for text, images and
 * generation prepare the inputs. Code that observes or schedules calls belongs here.
 *
 * <p>Not exported. May import everything below the root package, but never the root package itself,
 * which passes kernels, weight format and limits to it.
 */
package dev.panaformer.runtime;
