/**
 * One life cycle for all loaded models: {@link dev.panaformer.runtime.ModelRuntime} opens a folder,
 * reads the tokenizer meanwhile, opens kernels, loads weights, leases workspaces to calls, and
 * closes once, after the last call. Text, image and generation runtimes add what their inputs need.
 * What watches or schedules calls attaches here.
 *
 * <p>Not exported. May import everything below the root package, and never the root package: that
 * passes kernels, weight format and limits down.
 */
package dev.panaformer.runtime;
