/**
 * The commands, one class each, and the skeletons that they share. {@link
 * dev.panaformer.cli.command.ModelCommand} is the loop of a command that evaluates a model on many
 * inputs. {@link dev.panaformer.cli.command.TextCommand} and {@link
 * dev.panaformer.cli.command.ImageCommand} add the arguments for texts and for images.
 *
 * <p>It may import every other package of this module except {@code dev.panaformer.cli} itself.
 */
package dev.panaformer.cli.command;
