/**
 * Decodes tokens to text as they are generated, and finds stop strings.
 *
 * <p>Not exported. Imports no other package of the library.
 */
package dev.panaformer.generate.text;
