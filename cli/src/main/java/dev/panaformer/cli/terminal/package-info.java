/**
 * Output to the terminal or to a pipe: JSON lines, progress bars, and one sentence for an error.
 *
 * <p>It imports no other package of this module and, except for the names of its exceptions,
 * nothing of the library.
 */
package dev.panaformer.cli.terminal;
