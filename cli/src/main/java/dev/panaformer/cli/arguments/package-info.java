/**
 * Arguments that several commands have: texts, images, and how to compute. They know nothing of
 * what a command does with them.
 *
 * <p>It may import {@code cli.terminal} and the library.
 */
package dev.panaformer.cli.arguments;
