/**
 * The threads on which the library works for its callers: platform threads that compute for virtual
 * threads, and the thread that closes what nobody closed.
 *
 * <p>Not exported. Imports no other package of the library.
 */
package dev.panaformer.threads;
