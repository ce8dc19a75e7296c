/**
 * The types that all models share. {@link dev.panaformer.model.ModelConfig} reads config.json with
 * the table of {@link dev.panaformer.model.ModelKind}, and loads the {@link
 * dev.panaformer.model.Network} that the file describes. The packages {@code text}, {@code decoder}
 * and {@code vision} implement these types. The four packages form one layer of the architecture
 * and may import each other.
 *
 * <p>Not exported. It may import {@code nn}, {@code kernel}, {@code image.preprocessing}, {@code
 * checkpoint} and {@code tensor}.
 */
package dev.panaformer.model;
