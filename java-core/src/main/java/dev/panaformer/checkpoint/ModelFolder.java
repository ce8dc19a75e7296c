package dev.panaformer.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A model's folder in Hugging Face's layout: {@code config.json}, weights, a tokenizer and, for
 * sentence embeddings, {@code modules.json}. No file stays open.
 */
public final class ModelFolder {
  private static final List<String> FOREIGN_WEIGHTS =
      List.of("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5");

  /** The supported poolings, by the field of {@code 1_Pooling/config.json} that selects them. */
  private static final Map<String, SentencePooling> POOLING_FIELDS =
      Map.of(
          "pooling_mode_cls_token", SentencePooling.CLS,
          "pooling_mode_mean_tokens", SentencePooling.MEAN,
          "pooling_mode_max_tokens", SentencePooling.MAX,
          "pooling_mode_lasttoken", SentencePooling.LAST);

  /** How sentence-transformers reduces a text to one vector. */
  public record SentenceModules(SentencePooling pooling, boolean normalize) {}

  private final Path path;
  private final Path transformer;
  private final Optional<SentenceModules> sentenceModules;

  private ModelFolder(Path path, Path transformer, Optional<SentenceModules> sentenceModules) {
    this.path = path;
    this.transformer = transformer;
    this.sentenceModules = sentenceModules;
  }

  /**
   * Reads {@code modules.json}, if it exists, and the files that it names.
   *
   * @throws CheckpointException if there is no such folder, it may not be read, or its modules are
   *     not supported
   */
  public static ModelFolder open(Path path) {
    requireFolder(path);
    Path modules = path.resolve("modules.json");
    return Files.exists(modules)
        ? withModules(path, modules)
        : new ModelFolder(path, path, Optional.empty());
  }

  /** Without permission to search a folder, its files would seem to be absent. */
  private static void requireFolder(Path path) {
    try {
      if (!Files.readAttributes(path, BasicFileAttributes.class).isDirectory()) {
        throw new CheckpointException(path + ": a file, expected a model's folder");
      }
      Files.readAttributes(path.resolve("."), BasicFileAttributes.class);
    } catch (NoSuchFileException e) {
      throw new CheckpointException(path + ": no such folder", e);
    } catch (IOException e) {
      throw CheckpointException.unreadable(path, e);
    }
  }

  private static ModelFolder withModules(Path path, Path file) {
    Object json = StrictJson.read(file);
    if (!(json instanceof List<?> modules)) {
      throw new CheckpointException(
          file + ": expected an array of modules, found " + StrictJson.kind(json));
    }
    Path transformer = path;
    SentencePooling pooling = null;
    boolean normalize = false;
    for (Object element : modules) {
      if (!(element instanceof Map)) {
        throw new CheckpointException(
            file + ": expected an object for each module, found " + StrictJson.kind(element));
      }
      ConfigJson module = ConfigJson.of(file, StrictJson.asObject(element));
      String type = module.requireString("type");
      Path folder = inside(file, module.optionalString("path", ""));
      switch (type.substring(type.lastIndexOf('.') + 1)) {
        case "Transformer" -> {
          requireFolder(folder);
          transformer = folder;
        }
        case "Pooling" -> pooling = pooling(ConfigJson.read(folder.resolve("config.json")));
        case "Normalize" -> normalize = true;
        default -> throw module.wrong("type", "Transformer, Pooling or Normalize");
      }
    }
    if (pooling == null) {
      throw new CheckpointException(file + ": no module of type Pooling");
    }
    return new ModelFolder(path, transformer, Optional.of(new SentenceModules(pooling, normalize)));
  }

  private static SentencePooling pooling(ConfigJson config) {
    List<String> asked = new ArrayList<>();
    for (String field : config.fields()) {
      if (field.startsWith("pooling_mode_") && config.optionalBoolean(field, false)) {
        asked.add(field);
      }
    }
    if (asked.size() != 1 || !POOLING_FIELDS.containsKey(asked.get(0))) {
      throw new CheckpointException(
          String.format(
              "%s: asks for the poolings %s, expected one of %s",
              config.source(), asked, POOLING_FIELDS.keySet()));
    }
    return POOLING_FIELDS.get(asked.get(0));
  }

  /**
   * Resolves a path that one file of the folder contains.
   *
   * @throws CheckpointException if it leads out of the folder
   */
  static Path inside(Path file, String relative) {
    Path folder = file.toAbsolutePath().normalize().getParent();
    try {
      Path path = folder.resolve(relative).normalize();
      if (path.startsWith(folder) && !Path.of(relative).isAbsolute()) {
        return file.resolveSibling(relative);
      }
    } catch (InvalidPathException e) {
      // An invalid path is refused below, like a path outside the folder.
    }
    throw new CheckpointException(
        String.format("%s: refers to \"%s\", expected a path within its folder", file, relative));
  }

  /** The folder itself. */
  public Path path() {
    return path;
  }

  /**
   * The folder of config.json, weights and tokenizer: this folder or, for older models, a
   * subfolder.
   */
  public Path transformer() {
    return transformer;
  }

  /** The settings of {@code modules.json} and the files it names; empty without that file. */
  public Optional<SentenceModules> sentenceModules() {
    return sentenceModules;
  }

  /** {@code max_seq_length} of {@code sentence_bert_config.json}. */
  public OptionalInt maxSequenceLength() {
    Path file = transformer.resolve("sentence_bert_config.json");
    if (!Files.exists(file)) {
      return OptionalInt.empty();
    }
    ConfigJson config = ConfigJson.read(file);
    return config.has("max_seq_length")
        ? OptionalInt.of(config.requireInt("max_seq_length", 1, Integer.MAX_VALUE))
        : OptionalInt.empty();
  }

  /**
   * The configuration: {@code config.json} or, if there is only an ONNX file, the configuration
   * derived from its graph.
   *
   * @throws CheckpointException if there is neither, naming the folder
   */
  public ConfigJson config() {
    Path config = transformer.resolve("config.json");
    Optional<Path> onnx = onnx();
    if (Files.exists(config)) {
      ConfigJson json = ConfigJson.read(config);
      ForeignFolder.requireTransformers(json);
      return json;
    }
    if (onnx.isEmpty()) {
      try {
        throw ForeignFolder.withoutConfig(transformer)
            .orElseThrow(() -> new CheckpointException(config + ": no such file"));
      } catch (IOException e) {
        throw CheckpointException.unreadable(transformer, e);
      }
    }
    try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(onnx.get())) {
      return checkpoint.config();
    }
  }

  /**
   * Opens the weights. Uses the first of these files that exists: {@code model.safetensors}, {@code
   * model.safetensors.index.json}, {@code model.onnx}, {@code onnx/model.onnx}.
   *
   * @throws CheckpointException if none exists, or the weights cannot be used
   */
  public Checkpoint openWeights() {
    Path single = transformer.resolve("model.safetensors");
    if (Files.exists(single)) {
      return SafetensorsCheckpoint.open(single);
    }
    Path index = transformer.resolve("model.safetensors.index.json");
    if (Files.exists(index)) {
      return ShardedCheckpoint.open(index);
    }
    Optional<Path> onnx = onnx();
    if (onnx.isPresent()) {
      return OnnxCheckpoint.open(onnx.get());
    }
    for (String foreign : FOREIGN_WEIGHTS) {
      if (Files.exists(transformer.resolve(foreign))) {
        throw new CheckpointException(
            String.format(
                "%s: holds %s, expected model.safetensors; save_pretrained of the transformers"
                    + " library writes one",
                transformer, foreign));
      }
    }
    throw new CheckpointException(
        transformer
            + ": no weights, expected model.safetensors, model.safetensors.index.json, model.onnx"
            + " or onnx/model.onnx");
  }

  private Optional<Path> onnx() {
    return List.of("model.onnx", "onnx/model.onnx").stream()
        .map(transformer::resolve)
        .filter(Files::exists)
        .findFirst();
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
