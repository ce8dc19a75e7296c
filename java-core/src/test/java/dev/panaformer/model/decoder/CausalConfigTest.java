package dev.panaformer.model.decoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CausalConfigTest {
  private static final String GPT2 =
      "{'model_type': 'gpt2', 'vocab_size': 9, 'n_positions': 8, 'n_embd': 6, 'n_head': 3,"
          + " 'n_layer': 2}";
  private static final String LLAMA =
      "{'model_type': 'llama', 'vocab_size': 9, 'max_position_embeddings': 8, 'hidden_size': 8,"
          + " 'intermediate_size': 5, 'num_hidden_layers': 2, 'num_attention_heads': 4}";

  private static CausalConfig config(String base, String more) {
    JsonObject json = JsonParser.parseString(base).getAsJsonObject();
    JsonObject changes = JsonParser.parseString("{" + more + "}").getAsJsonObject();
    changes.asMap().forEach(json::add);
    return CausalConfig.of(ConfigJson.parse(Path.of("config.json"), json.toString()));
  }

  @Test
  void readsWhatIsThere() {
    Gpt2Config gpt2 = (Gpt2Config) config(GPT2, "'eos_token_id': 7, 'n_inner': null");
    assertEquals(24, gpt2.intermediateSize());
    assertEquals(2, gpt2.headDim());
    assertEquals(Set.of(7), gpt2.eosTokenIds());
    assertTrue(gpt2.tied());
    LlamaConfig llama =
        (LlamaConfig) config(LLAMA, "'eos_token_id': [3, 4], 'num_key_value_heads': 2");
    assertEquals(2, llama.kvHeads());
    assertEquals(2, llama.headDim());
    assertEquals(Set.of(3, 4), llama.eosTokenIds());
    assertEquals(0, llama.window(1));
    assertEquals(
        5, ((LlamaConfig) config(LLAMA, "'model_type':'mistral','sliding_window':5")).window(0));
  }

  @Test
  void aWindowThatIsNotGivenIsTheReferences() {
    assertEquals(4096, ((LlamaConfig) config(LLAMA, "'model_type': 'mistral'")).window(0));
    assertEquals(
        0,
        ((LlamaConfig) config(LLAMA, "'model_type': 'mistral', 'sliding_window': null")).window(0));
    LlamaConfig qwen =
        (LlamaConfig)
            config(
                LLAMA, "'model_type': 'qwen2', 'use_sliding_window': true, 'max_window_layers': 1");
    assertTrue(qwen.attentionBias());
    assertEquals(0, qwen.window(0));
    assertEquals(4096, qwen.window(1));
    assertEquals(0, ((LlamaConfig) config(LLAMA, "'model_type': 'qwen2'")).window(1));
  }

  /** Fields of the published SmolLM2 and Qwen2.5 that do not change the result. */
  @Test
  void fieldsThatChangeNothingAreTaken() {
    LlamaConfig smol =
        (LlamaConfig)
            config(
                LLAMA,
                "'is_llama_config': true, 'rope_interleaved': false, 'pretraining_tp': 1,"
                    + " 'attention_bias': false, 'mlp_bias': false, 'rope_scaling': null,"
                    + " 'transformers.js_config': {'dtype': 'q4'}");
    assertEquals(config(LLAMA, ""), smol);
    assertEquals(
        config(LLAMA, "'model_type': 'qwen2'"),
        config(
            LLAMA,
            "'model_type': 'qwen2', 'use_mrope': false, 'sliding_window': 4,"
                + " 'use_sliding_window': false, 'max_window_layers': 28"));
  }

  @Test
  void llamaMayHaveBiasesAndOtherGates() {
    LlamaConfig llama =
        (LlamaConfig)
            config(LLAMA, "'attention_bias': true, 'mlp_bias': true, 'hidden_act': 'gelu_new'");
    assertTrue(llama.attentionBias() && llama.outputBias() && llama.mlpBias());
    assertEquals(Activation.GELU_TANH, llama.activation());
    LlamaConfig qwen = (LlamaConfig) config(LLAMA, "'model_type': 'qwen2'");
    assertTrue(qwen.attentionBias() && !qwen.outputBias() && !qwen.mlpBias());
  }

  @Test
  void frequenciesBetweenTheBoundsOfLlama3AreMixed() {
    LlamaConfig.Rope rope = new LlamaConfig.Rope(1e4, 8, 1, 4, 8192);
    int dim = 128;
    boolean between = false;
    for (int i = 0; i < dim / 2; i++) {
      double plain = Math.pow(1e4, -2.0 * i / dim);
      double wavelength = 2 * Math.PI / plain;
      double expected = plain;
      if (wavelength > 8192.0) {
        expected = plain / 8;
      } else if (wavelength >= 8192.0 / 4) {
        double smooth = (8192 / wavelength - 1) / (4 - 1);
        expected = (1 - smooth) * plain / 8 + smooth * plain;
        between = true;
      }
      assertEquals(expected, rope.frequency(i, dim), expected * 1e-14, "pair " + i);
    }
    assertTrue(between);
  }

  @Test
  void bothSpellingsOfRotaryScalingMeanTheSame() {
    String fields =
        "'factor': 8, 'low_freq_factor': 1, 'high_freq_factor': 4,"
            + " 'original_max_position_embeddings': 32";
    LlamaConfig now =
        (LlamaConfig)
            config(
                LLAMA,
                "'rope_parameters': {'rope_type': 'llama3', 'rope_theta': 5e5, " + fields + "}");
    LlamaConfig before =
        (LlamaConfig)
            config(
                LLAMA,
                "'rope_theta': 5e5, 'rope_scaling': {'rope_type': 'llama3', " + fields + "}");
    assertEquals(now, before);
    assertEquals(1, now.rope().frequency(0, 64));
    assertEquals(Math.pow(5e5, -62.0 / 64) / 8, now.rope().frequency(31, 64), 1e-12);
    LlamaConfig linear =
        (LlamaConfig) config(LLAMA, "'rope_scaling': {'type': 'linear', 'factor': 4.0}");
    assertEquals(0.25, linear.rope().frequency(0, 64));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "g | 'quantization_config': {'bits': 4} | quantization_config",
        "g | 'add_cross_attention': true | add_cross_attention is true",
        "g | 'activation_function': 'mish' | activation_function",
        "g | 'n_head': 4 | n_head is 4",
        "g | 'n_embd': 1024, 'n_head': 2 | n_head is 2, expected a divisor of the hidden size 1024",
        "g | 'eos_token_id': [1.5] | eos_token_id",
        "g | 'eos_token_id': [-1] | eos_token_id",
        "l | 'head_dim': 5 | head_dim is 5, expected an even number",
        "l | 'num_attention_heads': 8 | num_attention_heads is 8, expected an even number",
        "l | 'hidden_size': 2048 | num_attention_heads is 4, expected a divisor",
        "l | 'max_position_embeddings': 16777216 | max_position_embeddings is 16777216",
        "g | 'n_ctx': 4 | n_ctx is 4, expected n_positions, 8",
        "g | 'model_type': 'opt' | model_type is \"opt\", expected one of [gpt2, llama,",
        "g | 'eos_token_id': ['a'] | eos_token_id",
        "l | 'partial_rotary_factor': 0.5 | partial_rotary_factor is 0.5",
        "l | 'num_key_value_heads': 3 | num_key_value_heads is 3",
        "l | 'model_type': 'mistral', 'mlp_bias': true | mlp_bias is true",
        "l | 'model_type': 'mistral', 'attention_bias': true | attention_bias is true",
        "l | 'model_type': 'qwen2', 'attention_bias': false | attention_bias is false",
        "l | 'hidden_act': 'mish' | hidden_act is",
        "l | 'rope_interleaved': true | rope_interleaved is true",
        "l | 'model_type': 'qwen2', 'use_mrope': true | use_mrope is true",
        "l | 'layer_types': ['sliding_attention', 'full_attention'] | layer_types",
        "l | 'rope_scaling': {'type': 'yarn', 'factor': 2} | rope_scaling.rope_type",
        "l | 'rope_scaling': {'type': 'linear'} | rope_scaling.factor is missing",
        "l | 'rope_scaling': {'type': 'linear', 'mscale': 1} | rope_scaling.mscale",
        "l | 'rope_scaling': {}, 'rope_parameters': {} | rope_scaling",
        "l | 'rope_theta': 5, 'rope_parameters': {'rope_theta': 6} | rope_theta is 5"
      })
  void refusesByName(String family, String change, String expected) {
    Exception e =
        assertThrows(
            CheckpointException.class, () -> config(family.equals("g") ? GPT2 : LLAMA, change));
    assertTrue(e.getMessage().contains(expected), e.getMessage());
  }
}
