/**
 * A tensor: memory, element type, shape and strides, without arithmetic and without a life of its
 * own.
 *
 * <p>Exported. Imports no other package of the library.
 */
package dev.panaformer.tensor;
