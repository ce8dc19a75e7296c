package dev.panaformer.model.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonParser;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ProblemType;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BertConfigTest {
  private static BertConfig read(String json) {
    return BertConfig.of(
        ConfigJson.parse(Path.of("config.json"), JsonParser.parseString(json).toString()));
  }

  private static String bert(String more) {
    return """
    {"model_type": "bert", "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2,
     "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 50 %s}
    """
        .formatted(more);
  }

  @Test
  void whatTheFileLeavesOutIsAsHuggingFaceHasIt() {
    BertConfig config = read(bert(""));
    assertEquals(BertFamily.BERT, config.family());
    assertEquals("BertModel", config.architecture());
    assertEquals(Activation.GELU_ERF, config.hiddenAct());
    assertEquals(2, config.typeVocabSize());
    assertEquals(1e-12f, config.layerNormEps());
    assertEquals(0, config.padTokenId());
    assertEquals(List.of("LABEL_0", "LABEL_1"), config.labels());
    assertEquals(ProblemType.SINGLE_LABEL_CLASSIFICATION, config.problemType());
    assertEquals(50, config.maxTokens());
    assertEquals(8, config.headDim());
  }

  @Test
  void robertaCountsPositionsFromThePadding() {
    BertConfig config = read(bert(", \"pad_token_id\": 1").replace("\"bert\"", "\"xlm-roberta\""));
    assertEquals(BertFamily.ROBERTA, config.family());
    assertEquals(48, config.maxTokens());
  }

  @Test
  void distilbertSpellsItsFieldsDifferently() {
    BertConfig config =
        read(
            """
            {"model_type": "distilbert", "vocab_size": 100, "dim": 32, "n_layers": 2, "n_heads": 4,
             "hidden_dim": 64, "activation": "relu", "max_position_embeddings": 50}
            """);
    assertEquals(32, config.hiddenSize());
    assertEquals(2, config.numHiddenLayers());
    assertEquals(64, config.intermediateSize());
    assertEquals(Activation.RELU, config.hiddenAct());
    assertEquals(0, config.typeVocabSize());
  }

  @ParameterizedTest
  @CsvSource({
    "gelu, GELU_ERF",
    "gelu_new, GELU_TANH",
    "gelu_pytorch_tanh, GELU_TANH",
    "quick_gelu, GELU_QUICK",
    "swish, SILU",
    "tanh, TANH"
  })
  void activations(String name, Activation expected) {
    assertEquals(expected, read(bert(", \"hidden_act\": \"" + name + "\"")).hiddenAct());
  }

  @Test
  void labelsComeInTheOrderOfTheirNumbers() {
    BertConfig config = read(bert(", \"id2label\": {\"2\": \"c\", \"0\": \"a\", \"1\": \"b\"}"));
    assertEquals(List.of("a", "b", "c"), config.labels());
  }

  @ParameterizedTest
  @CsvSource({
    "'\"longformer\", \"attention_window\": 7', attention_window",
    "'\"longformer\", \"attention_window\": 0', attention_window",
    "'\"longformer\", \"attention_window\": [8]', attention_window",
    "'\"longformer\", \"attention_window\": [8, 8, 8]', attention_window",
    "'\"longformer\", \"attention_window\": [8, 9]', attention_window",
    "'\"longformer\", \"attention_window\": \"wide\"', attention_window",
    "'\"big_bird\", \"attention_type\": \"full\"', attention_type",
    "'\"big_bird\", \"block_size\": 0', block_size",
    "'\"big_bird\", \"num_random_blocks\": -1', num_random_blocks",
    "'\"big_bird\", \"num_random_blocks\": 100000', num_random_blocks",
    "'\"big_bird\", \"rescale_embeddings\": true', rescale_embeddings"
  })
  void whatIsWrongWithWhoSeesWhomIsNamed(String type, String field) {
    String json =
        bert("")
            .replace("\"bert\"", type)
            .replace("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 2");
    CheckpointException e = assertThrows(CheckpointException.class, () -> read(json));
    assertEquals("config.json: " + field + " is", e.getMessage().split(" is")[0] + " is");
  }

  @Test
  void windowsAreOneForAllLayersOrOneForEach() {
    String json = bert("").replace("\"bert\"", "\"longformer\", \"attention_window\": %s");
    assertEquals(List.of(6, 6), windows(json, "6"));
    assertEquals(List.of(4, 8), windows(json, "[4, 8]"));
    assertEquals(List.of(512, 512), windows(json, "null"));
  }

  private static List<Integer> windows(String json, String window) {
    BertConfig config = read(String.format(json, window));
    return ((Longformer) config.sparsity().orElseThrow()).windows();
  }

  @ParameterizedTest
  @CsvSource({
    "'\"hidden_size\": 32', '\"hidden_size\": 0', hidden_size",
    "'\"hidden_size\": 32', '\"hidden_size\": 3200', num_attention_heads",
    "'\"vocab_size\": 100', '\"vocab_size\": \"many\"', vocab_size",
    "'\"vocab_size\": 100', '\"vocab_size\": 100, \"pad_token_id\": 100', pad_token_id",
    "'\"vocab_size\": 100', '\"vocab_size\": 100, \"layer_norm_eps\": -1', layer_norm_eps",
    "'\"vocab_size\": 100', '\"vocab_size\": 100, \"add_cross_attention\": true',"
        + " add_cross_attention",
    "'\"bert\"', '\"mpnet\"', model_type",
    "'\"bert\"', '\"roberta\", \"pad_token_id\": 49', max_position_embeddings"
  })
  void whatIsWrongIsNamed(String right, String wrong, String field) {
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> read(bert("").replace(right, wrong)));
    assertEquals("config.json: " + field + " is", e.getMessage().split(" is")[0] + " is");
  }
}
