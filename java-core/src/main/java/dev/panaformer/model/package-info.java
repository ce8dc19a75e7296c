/**
 * The root of models: {@link dev.panaformer.model.ModelConfig} reads a config.json by the table of
 * {@link dev.panaformer.model.ModelKind}, and loads the {@link dev.panaformer.model.Network} that
 * it describes. Configurations and models are in the rooms {@code text}, {@code decoder} and {@code
 * vision}, which implement these types; the four packages are one layer.
 *
 * <p>Not exported. May import {@code nn}, {@code kernel}, {@code image.preprocessing}, {@code
 * checkpoint} and {@code tensor}.
 */
package dev.panaformer.model;
