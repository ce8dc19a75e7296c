package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.checkpoint.ModelFolder.SentenceModules;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelFolderTest {
  private static final String MODULES =
      """
      [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
       {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
       {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
      """;

  @TempDir Path folder;

  private void write(String file, String text) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  @Test
  void namesAFolderThatIsNotThere() {
    Path missing = folder.resolve("missing");
    Exception e = assertThrows(CheckpointException.class, () -> ModelFolder.open(missing));
    assertEquals(missing + ": no such folder", e.getMessage());
  }

  @Test
  void aPlainFolderHasNoSentenceModules() throws IOException {
    write("config.json", "{\"model_type\": \"bert\"}");
    SafetensorsWriter.write(
        folder.resolve("model.safetensors"),
        Map.of("a", Tensor.ofFloats(new float[1], 1)),
        Map.of());
    ModelFolder model = ModelFolder.open(folder);
    assertEquals(Optional.empty(), model.sentenceModules());
    assertEquals(OptionalInt.empty(), model.maxSequenceLength());
    assertEquals("bert", model.config().requireString("model_type"));
    try (Checkpoint weights = model.openWeights()) {
      assertInstanceOf(SafetensorsCheckpoint.class, weights);
    }
  }

  @Test
  void anEmptyFolderNamesWhatItLacks() {
    ModelFolder model = ModelFolder.open(folder);
    Exception e = assertThrows(CheckpointException.class, model::config);
    assertEquals(folder.resolve("config.json") + ": no such file", e.getMessage());
    e = assertThrows(CheckpointException.class, model::openWeights);
    assertEquals(
        folder
            + ": no weights, expected model.safetensors, model.safetensors.index.json, model.onnx"
            + " or onnx/model.onnx",
        e.getMessage());
  }

  @Test
  void weightsThatWouldRunCodeAreRefused() throws IOException {
    write("pytorch_model.bin", "");
    ModelFolder model = ModelFolder.open(folder);
    Exception e = assertThrows(CheckpointException.class, model::openWeights);
    assertTrue(
        e.getMessage().startsWith(folder + ": holds pytorch_model.bin, expected model.safetensors"),
        e.getMessage());
  }

  @Test
  void readsSentenceModules() throws IOException {
    write("modules.json", MODULES);
    write(
        "1_Pooling/config.json",
        "{\"word_embedding_dimension\": 384, \"pooling_mode_cls_token\": false,"
            + " \"pooling_mode_mean_tokens\": true}");
    write("sentence_bert_config.json", "{\"max_seq_length\": 256, \"do_lower_case\": false}");
    ModelFolder model = ModelFolder.open(folder);
    assertEquals(
        Optional.of(new SentenceModules(SentencePooling.MEAN, true)), model.sentenceModules());
    assertEquals(OptionalInt.of(256), model.maxSequenceLength());
  }

  @Test
  void findsTheTransformerInItsModule() throws IOException {
    write("modules.json", MODULES.replace("\"path\": \"\"", "\"path\": \"0_Transformer\""));
    write("1_Pooling/config.json", "{\"pooling_mode_cls_token\": true}");
    write("0_Transformer/config.json", "{\"model_type\": \"bert\"}");
    ModelFolder model = ModelFolder.open(folder);
    assertEquals(folder.resolve("0_Transformer"), model.transformer());
    assertEquals("bert", model.config().requireString("model_type"));
  }

  @Test
  void namesAMissingPoolingConfig() throws IOException {
    write("modules.json", MODULES);
    assertRefused(folder.resolve("1_Pooling/config.json") + ": no such file");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true}"
            + " | [pooling_mode_cls_token, pooling_mode_mean_tokens]",
        "{\"pooling_mode_mean_sqrt_len_tokens\": true} | [pooling_mode_mean_sqrt_len_tokens]",
        "{} | []"
      })
  void refusesPoolingsThatAreNotOurs(String config, String asked) throws IOException {
    write("modules.json", MODULES);
    write("1_Pooling/config.json", config);
    Exception e = assertThrows(CheckpointException.class, () -> ModelFolder.open(folder));
    assertTrue(
        e.getMessage()
            .startsWith(
                folder.resolve("1_Pooling/config.json") + ": asks for the poolings " + asked),
        e.getMessage());
  }

  @Test
  void refusesModulesThatAreNotOurs() throws IOException {
    write("modules.json", MODULES.replace("models.Normalize", "models.Dense"));
    write("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}");
    assertRefused(
        folder.resolve("modules.json")
            + ": type is \"sentence_transformers.models.Dense\", expected Transformer, Pooling or"
            + " Normalize");
  }

  @Test
  void refusesModulesOutsideTheFolder() throws IOException {
    write("modules.json", MODULES.replace("1_Pooling", "../1_Pooling"));
    assertRefused(
        folder.resolve("modules.json")
            + ": refers to \"../1_Pooling\", expected a path within its folder");
  }

  private void assertRefused(String message) {
    Exception e = assertThrows(CheckpointException.class, () -> ModelFolder.open(folder));
    assertEquals(message, e.getMessage());
  }
}
