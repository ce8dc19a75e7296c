/**
 * Models with random weights in published shapes, and all-MiniLM-L6-v2, written to the files that
 * Panaformer and its peers read.
 *
 * <p>It imports the library and no other package of this module.
 */
package dev.panaformer.bench.model;
