/**
 * Chooses the next token: sampling, beam search, penalties and rules.
 *
 * <p>Not exported. May import {@code generate}.
 */
package dev.panaformer.generate.sampling;
