/**
 * Pictures of results: boxes, segments and attention, drawn on images or beside words.
 *
 * <p>It imports the results of the library and no other package of this module.
 */
package dev.panaformer.cli.drawing;
