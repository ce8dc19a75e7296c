/**
 * The entry point of the command line: parses arguments, runs one command and returns its exit
 * status.
 *
 * <p>It may import {@code cli.command} and {@code cli.terminal}. The packages of this module form
 * layers: this one, then {@code command}, then {@code verify}, {@code drawing} and {@code
 * arguments}, then {@code conversion}, and {@code terminal} at the bottom. A package imports only
 * packages below it.
 */
package dev.panaformer.cli;
