/**
 * The harness for golden cases: finds cases, computes what a reference computed, and compares. The
 * command {@code verify} and the project's own tests both run it, through {@link
 * dev.panaformer.cli.verify.CaseFinder} and {@link dev.panaformer.cli.verify.CaseResult}.
 *
 * <p>It may import {@code cli.conversion}, for the default model, {@code cli.terminal}, and every
 * package of the library: it evaluates models, layers and kernels directly.
 */
package dev.panaformer.cli.verify;
