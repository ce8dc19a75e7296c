/**
 * What users see of the generation of texts: options, the generation under way, its result, and
 * what can go wrong.
 *
 * <p>Exported. Imports no other package of the library; the machinery in its sub-packages imports
 * it.
 */
package dev.panaformer.generate;
