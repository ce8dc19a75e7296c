/**
 * Text of tokens as they come: detokenization piece by piece, and stop strings.
 *
 * <p>Not exported. Imports no other package of the library.
 */
package dev.panaformer.generate.text;
