/**
 * The harness for golden cases. It finds cases, computes the outputs of a reference, and compares
 * them. The command {@code verify} and the project's tests both run it, through {@link
 * dev.panaformer.cli.verify.CaseFinder} and {@link dev.panaformer.cli.verify.CaseResult}.
 *
 * <p>It may import {@code cli.conversion} (for the default model), {@code cli.terminal}, and every
 * package of the library, because it evaluates models, layers and kernels directly.
 */
package dev.panaformer.cli.verify;
