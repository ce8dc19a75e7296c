package dev.panaformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.model.ModelConfig.Figures;
import dev.panaformer.model.decoder.CausalConfig;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.text.EncoderConfig;
import dev.panaformer.model.vision.VisionConfig;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ModelConfigTest {
  private static final String LLAMA =
      "'vocab_size': 9, 'max_position_embeddings': 8, 'hidden_size': 8, 'intermediate_size': 5,"
          + " 'num_hidden_layers': 2, 'num_attention_heads': 4";
  private static final String T5 =
      "'vocab_size': 9, 'd_model': 8, 'd_ff': 5, 'num_layers': 2, 'num_decoder_layers': 3,"
          + " 'num_heads': 4, 'd_kv': 2";

  private static ConfigJson json(String modelType, String more) {
    String json = "{'model_type': '" + modelType + "'" + (more.isEmpty() ? "" : ", " + more) + "}";
    return ConfigJson.parse(Path.of("config.json"), json.replace('\'', '"'));
  }

  @Test
  void eachModelTypeIsOfOneKind() {
    Set<String> seen = new HashSet<>();
    for (ModelKind kind : ModelKind.values()) {
      assertFalse(kind.modelTypes().isEmpty(), kind::toString);
      for (String modelType : kind.modelTypes()) {
        assertTrue(seen.add(modelType), modelType);
        assertEquals(Optional.of(kind), ModelKind.of(json(modelType, "")));
      }
    }
    assertEquals(Optional.empty(), ModelKind.of(json("gpt9", "")));
  }

  @ParameterizedTest
  @EnumSource
  void everyRowReadsAConfigurationOfItsKind(ModelKind kind) {
    String fields =
        switch (kind) {
          case ENCODER, DECODER -> LLAMA;
          case ENCODER_DECODER -> T5;
          case VISION -> "";
        };
    for (String modelType : kind.modelTypes()) {
      ModelConfig config = ModelConfig.of(json(modelType, own(modelType, fields)));
      assertEquals(kind, config.kind(), modelType);
      assertEquals(kind == ModelKind.VISION, config.figures().isEmpty(), modelType);
    }
  }

  private static String own(String modelType, String fields) {
    return switch (modelType) {
      case "linformer" -> LLAMA + ", 'projection_length': 3";
      case "performer" -> LLAMA + ", 'kernel': 'relu', 'num_random_features': 3";
      case "distilbert" ->
          "'vocab_size': 9, 'max_position_embeddings': 8, 'dim': 8, 'hidden_dim': 5,"
              + " 'n_layers': 2, 'n_heads': 4";
      case "gpt2" -> "'vocab_size': 9, 'n_positions': 8, 'n_embd': 6, 'n_head': 3, 'n_layer': 2";
      case "bart", "mbart", "marian", "pegasus" ->
          "'vocab_size': 9, 'd_model': 8, 'encoder_layers': 2, 'decoder_layers': 3,"
              + " 'encoder_attention_heads': 4, 'decoder_attention_heads': 2,"
              + " 'encoder_ffn_dim': 5, 'decoder_ffn_dim': 6";
      default -> fields;
    };
  }

  @Test
  void figuresAreThoseOfTheWholeModel() {
    assertEquals(
        Optional.of(new Figures(2, 8, 4, 5, 9, 8)), ModelConfig.of(json("bert", LLAMA)).figures());
    assertEquals(
        Optional.of(new Figures(2, 8, 4, 5, 9, 8)), ModelConfig.of(json("llama", LLAMA)).figures());
    assertEquals(
        Optional.of(new Figures(5, 8, 4, 5, 9, 4096)), ModelConfig.of(json("t5", T5)).figures());
  }

  @Test
  void aModelHasTheNameOfItsClassesOrOfItsType() {
    assertEquals("gpt9", ModelConfig.name(json("gpt9", "")));
    assertEquals("A, B", ModelConfig.name(json("gpt9", "'architectures': ['A', 'B']")));
  }

  @Test
  void anUnknownTypeIsRefusedWithThoseThatAreKnown() {
    Exception e =
        assertThrows(UnsupportedModelException.class, () -> ModelConfig.of(json("gpt9", "")));
    String start = "config.json: model_type is \"gpt9\", expected one of [";
    assertTrue(e.getMessage().startsWith(start), e.getMessage());
    for (ModelKind kind : ModelKind.values()) {
      for (String modelType : kind.modelTypes()) {
        assertTrue(e.getMessage().contains(modelType), modelType);
      }
    }
    ConfigJson empty = ConfigJson.of(Path.of("config.json"), Map.of());
    assertTrue(
        assertThrows(CheckpointException.class, () -> ModelConfig.of(empty))
            .getMessage()
            .contains("model_type is missing"));
  }

  @Test
  void aKindRefusesModelsOfAnother() {
    for (ConfigJson json : new ConfigJson[] {json("bert", LLAMA), json("gpt9", "")}) {
      Exception e = assertThrows(UnsupportedModelException.class, () -> CausalConfig.of(json));
      assertTrue(
          e.getMessage().endsWith("expected one of [gpt2, llama, mistral, qwen2]"), e.getMessage());
      assertThrows(UnsupportedModelException.class, () -> Seq2SeqConfig.of(json));
      assertThrows(UnsupportedModelException.class, () -> VisionConfig.of(json));
    }
    assertThrows(UnsupportedModelException.class, () -> EncoderConfig.of(json("llama", LLAMA)));
  }

  @ParameterizedTest
  @CsvSource({
    "vit, YolosForObjectDetection",
    "deit, YolosForObjectDetection",
    "yolos, YolosForObjectDetection",
    "segformer, SegformerForSemanticSegmentation",
    "swin, ''"
  })
  void aFamilyOfImagesNamesItsHeads(String modelType, String heads) {
    VisionConfig config = VisionConfig.of(json(modelType, ""));
    assertEquals(heads, String.join(", ", config.heads().keySet()));
  }

  /** Swin has no head for detection. The file is refused before any weight is read. */
  @Test
  void aHeadOfAnotherFamilyIsRefused() {
    VisionConfig config =
        assertInstanceOf(
            VisionConfig.class,
            ModelConfig.of(json("swin", "'architectures': ['YolosForObjectDetection']")));
    assertEquals(
        "config.json: architectures is YolosForObjectDetection, expected a model alone, or one"
            + " ForImageClassification",
        assertThrows(UnsupportedModelException.class, () -> config.load(null)).getMessage());
  }
}
