package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.OnnxCheckpoint;
import dev.panaformer.checkpoint.OpenFiles;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import dev.panaformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * More than 100 000 damaged files. Each is loaded and read to the end, or refused by a {@link
 * CheckpointException} that names the file; nothing else, and nothing stays open. A failure tells
 * seed and number of its mutant: {@code -Dpanaformer.fuzz.seed=}.
 */
class FuzzTest {
  private static final long SEED = Long.getLong("panaformer.fuzz.seed", 20261124);

  @TempDir Path folder;

  private interface Load {
    void run() throws IOException;
  }

  /** Loads with one file in its folder damaged in so many ways. */
  private void fuzz(String file, int mutants, Load load) throws IOException {
    Path path = folder.resolve(file);
    byte[] valid = Files.readAllBytes(path);
    load.run();
    int loaded = 0;
    for (int number = 0; number < mutants; number++) {
      Files.write(path, Mutator.mutant(valid, SEED, number));
      try {
        load.run();
        loaded++;
      } catch (CheckpointException e) {
        if (!String.valueOf(e.getMessage()).contains(folder.toString())) {
          fail(mutant(file, number) + " is refused without naming a file", e);
        }
      } catch (Exception | StackOverflowError | OutOfMemoryError e) {
        fail(mutant(file, number), e);
      }
    }
    Files.write(path, valid);
    load.run();
    OpenFiles.assertNoneIn(folder);
    assertTrue(loaded < mutants, "some damage must be noticed");
  }

  private static String mutant(String file, int number) {
    return "mutant " + number + " of " + file + ", seed " + SEED;
  }

  private static void readAll(Checkpoint checkpoint) {
    for (String name : checkpoint.names()) {
      try (Arena arena = Arena.ofConfined()) {
        Tensor tensor = checkpoint.tensor(name, arena);
        if (tensor.dtype() == DType.I64 || tensor.dtype() == DType.I32) {
          tensor.toLongs();
        } else {
          tensor.toFloats();
        }
      }
    }
  }

  @Test
  void safetensors() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("embeddings.weight", Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3));
    tensors.put("position_ids", Tensor.ofLongs(new long[] {0, 1, 2}, 1, 3));
    tensors.put("empty", Tensor.ofFloats(new float[0], 0));
    Path file = folder.resolve("model.safetensors");
    SafetensorsWriter.write(file, tensors, Map.of("format", "pt"));
    fuzz(
        "model.safetensors",
        60_000,
        () -> {
          try (Checkpoint checkpoint = SafetensorsCheckpoint.open(file)) {
            readAll(checkpoint);
          }
        });
  }

  @Test
  void shardedSafetensors() throws IOException {
    for (int shard = 1; shard <= 2; shard++) {
      SafetensorsWriter.write(
          folder.resolve("model-" + shard + ".safetensors"),
          Map.of("weight." + shard, Tensor.ofFloats(new float[] {shard}, 1)),
          Map.of());
    }
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        """
        {"metadata": {"total_size": 8}, "weight_map":
          {"weight.1": "model-1.safetensors", "weight.2": "model-2.safetensors"}}
        """);
    fuzz(
        "model.safetensors.index.json",
        8_000,
        () -> {
          try (Checkpoint checkpoint = ModelFolder.open(folder).openWeights()) {
            readAll(checkpoint);
          }
        });
  }

  @Test
  void config() throws IOException {
    Path file = new TinyModel("BertForSequenceClassification").write(folder).resolve("config.json");
    fuzz("config.json", 20_000, () -> BertConfig.of(ConfigJson.read(file)));
  }

  @Test
  void sentenceModules() throws IOException {
    Files.createDirectory(folder.resolve("1_Pooling"));
    Files.writeString(
        folder.resolve("modules.json"),
        """
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
         {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
         {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
        """);
    Files.writeString(
        folder.resolve("1_Pooling/config.json"),
        """
        {"word_embedding_dimension": 24, "pooling_mode_cls_token": false,
         "pooling_mode_mean_tokens": true, "include_prompt": true}
        """);
    Files.writeString(
        folder.resolve("sentence_bert_config.json"),
        """
        {"max_seq_length": 30, "do_lower_case": false}
        """);
    Load load = () -> ModelFolder.open(folder).maxSequenceLength();
    fuzz("modules.json", 3_000, load);
    fuzz("1_Pooling/config.json", 3_000, load);
    fuzz("sentence_bert_config.json", 2_000, load);
  }

  @Test
  void onnx() throws IOException {
    TinyOnnx onnx = new TinyOnnx(new TinyModel("BertModel"), TinyOnnx.Matrices.BIAS_TELLS, "");
    String norm = "embeddings.LayerNorm.weight";
    int bytes = TinyModel.HIDDEN * Float.BYTES;
    onnx.replace(norm, TinyOnnx.external(norm, "weights.bin", "64", "" + bytes, TinyModel.HIDDEN));
    Files.write(folder.resolve("weights.bin"), new byte[64 + bytes]);
    Path file = onnx.write(folder);
    fuzz(
        "model.onnx",
        8_000,
        () -> {
          try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(file)) {
            readAll(checkpoint);
            checkpoint.config();
          }
        });
  }

  @Test
  void vocabulary() throws IOException {
    new TinyModel("BertModel").write(folder);
    fuzz("vocab.txt", 1_000, this::tokenize);
  }

  @Test
  void tokenizer() throws IOException {
    Files.copy(
        Path.of("../cli/src/test/resources/golden/tokenizers/wordpiece-bert/tokenizer.json"),
        folder.resolve("tokenizer.json"));
    fuzz("tokenizer.json", 2_000, this::tokenize);
  }

  private void tokenize() {
    Tokenizer tokenizer = Tokenizer.load(folder);
    int[] ids = tokenizer.encode("I love you, \u00e9\uD83D\uDE00!", "b").ids();
    tokenizer.decode(ids, false);
  }

  @Test
  void wholeModels() throws IOException {
    new TinyModel("BertModel").write(folder);
    ModelOptions options = ModelOptions.DEFAULT.withBackend(Backend.NATIVE).withThreads(1);
    Load load =
        () -> {
          try (TextEmbedder embedder = TextEmbedder.load(folder, options)) {
            embedder.embed("i love you");
          }
        };
    fuzz("model.safetensors", 1_000, load);
    fuzz("config.json", 1_500, load);
  }
}
