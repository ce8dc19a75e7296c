/**
 * Tensors: a view of memory with an element type, a shape and strides. They have no arithmetic and
 * do not own their memory.
 *
 * <p>Exported. Imports no other package of the library.
 */
package dev.panaformer.tensor;
