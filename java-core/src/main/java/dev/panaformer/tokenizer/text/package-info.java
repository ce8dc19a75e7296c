/**
 * Text while it is encoded: its chars, where each comes from in the original text, and the pieces
 * that it is split into.
 *
 * <p>Not exported. Imports no other package of the library.
 */
package dev.panaformer.tokenizer.text;
