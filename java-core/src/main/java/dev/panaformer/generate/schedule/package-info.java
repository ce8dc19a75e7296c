/**
 * Continuous batching: {@link dev.panaformer.generate.schedule.Scheduler} evaluates the texts of
 * one model together, step by step, over a {@link dev.panaformer.generate.schedule.Decoder}.
 *
 * <p>Not exported. May import {@code generate}, {@code generate.sampling}, {@code generate.text}
 * and {@code threads}.
 */
package dev.panaformer.generate.schedule;
