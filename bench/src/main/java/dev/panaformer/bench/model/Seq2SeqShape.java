package dev.panaformer.bench.model;

import com.google.gson.JsonObject;
import dev.panaformer.bench.model.OnnxGraphWriter.Attribute;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * An encoder-decoder with random weights, in the files that each side reads. The peer's graphs omit
 * parts that cost little: position embeddings and T5's relative position bias.
 *
 * @param t5 whether the model is T5; otherwise it is BART
 */
public record Seq2SeqShape(
    String name, boolean t5, int vocab, int width, int heads, int intermediate, int layers) {
  public static final Seq2SeqShape T5_SMALL =
      new Seq2SeqShape("t5-small", true, 32128, 512, 8, 2048, 6);
  public static final Seq2SeqShape BART_BASE =
      new Seq2SeqShape("bart-base", false, 50265, 768, 12, 3072, 6);

  public int headDim() {
    return width / heads;
  }

  /**
   * The number of floating-point operations to encode a source, including the keys and values for
   * the decoder.
   */
  public double encoderFlops(int tokens) {
    double layer = 4.0 * width * width + 2.0 * width * intermediate;
    double attention = 4.0 * tokens * width;
    return tokens * layers * (2 * layer + attention + 4.0 * width * width);
  }

  /** The minimum number of bytes that a decoding step reads: every matrix of the decoder once. */
  public double stepBytes() {
    double layer = 6.0 * width * width + 2.0 * width * intermediate;
    return Float.BYTES * (layers * layer + (double) vocab * width);
  }

  /**
   * The minimum number of bytes that a greedy float32 decoding step of Panaformer reads: the screen
   * of the head instead of the head, and every other matrix of the decoder once.
   */
  public double screenedStepBytes() {
    return stepBytes() - 3.0 * vocab * width;
  }

  /** Panaformer's folder of the model. It is written if it does not exist. */
  public Path panaformer(Path parent) throws IOException {
    Path folder = Files.createDirectories(parent.resolve(name));
    Path weights = folder.resolve("model.safetensors");
    if (!Files.exists(weights)) {
      Files.writeString(folder.resolve("config.json"), config().toString());
      SafetensorsWriter.write(weights, tensors(), Map.of());
    }
    return folder;
  }

  private JsonObject config() {
    JsonObject config = new JsonObject();
    config.addProperty("model_type", t5 ? "t5" : "bart");
    config.addProperty("vocab_size", vocab);
    config.addProperty("d_model", width);
    config.addProperty("decoder_start_token_id", 0);
    config.add("forced_eos_token_id", null);
    if (t5) {
      config.addProperty("d_ff", intermediate);
      config.addProperty("num_layers", layers);
      config.addProperty("num_heads", heads);
    } else {
      for (String part : new String[] {"encoder", "decoder"}) {
        config.addProperty(part + "_layers", layers);
        config.addProperty(part + "_attention_heads", heads);
        config.addProperty(part + "_ffn_dim", intermediate);
      }
    }
    return config;
  }

  private Map<String, Tensor> tensors() {
    SplittableRandom random = new SplittableRandom(1);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("shared.weight", Gpt2.noise(random, vocab, width));
    for (String part : new String[] {"encoder", "decoder"}) {
      boolean decoder = part.equals("decoder");
      if (t5) {
        tensors.put(
            part + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            Gpt2.noise(random, 32, heads));
        norm(tensors, part + ".final_layer_norm");
      } else {
        tensors.put(part + ".embed_positions.weight", Gpt2.noise(random, 1026, width));
        norm(tensors, part + ".layernorm_embedding");
      }
      for (int i = 0; i < layers; i++) {
        if (t5) {
          String layer = part + ".block." + i + ".layer.";
          for (String matrix : new String[] {"q", "k", "v", "o"}) {
            linear(tensors, random, layer + "0.SelfAttention." + matrix, width, width);
            if (decoder) {
              linear(tensors, random, layer + "1.EncDecAttention." + matrix, width, width);
            }
          }
          int last = decoder ? 2 : 1;
          linear(tensors, random, layer + last + ".DenseReluDense.wi", intermediate, width);
          linear(tensors, random, layer + last + ".DenseReluDense.wo", width, intermediate);
          for (int n = 0; n <= last; n++) {
            norm(tensors, layer + n + ".layer_norm");
          }
        } else {
          String layer = part + ".layers." + i + ".";
          for (String matrix : new String[] {"q_proj", "k_proj", "v_proj", "out_proj"}) {
            linear(tensors, random, layer + "self_attn." + matrix, width, width);
            if (decoder) {
              linear(tensors, random, layer + "encoder_attn." + matrix, width, width);
            }
          }
          linear(tensors, random, layer + "fc1", intermediate, width);
          linear(tensors, random, layer + "fc2", width, intermediate);
          norm(tensors, layer + "self_attn_layer_norm");
          norm(tensors, layer + "final_layer_norm");
          if (decoder) {
            norm(tensors, layer + "encoder_attn_layer_norm");
          }
        }
      }
    }
    return tensors;
  }

  private void linear(
      Map<String, Tensor> tensors, SplittableRandom random, String name, int out, int in) {
    tensors.put(name + ".weight", Gpt2.noise(random, out, in));
    if (!t5) {
      tensors.put(name + ".bias", Tensor.ofFloats(new float[out], out));
    }
  }

  private void norm(Map<String, Tensor> tensors, String name) {
    float[] ones = new float[width];
    Arrays.fill(ones, 1);
    tensors.put(name + ".weight", Tensor.ofFloats(ones, width));
    if (!t5) {
      tensors.put(name + ".bias", Tensor.ofFloats(new float[width], width));
    }
  }

  /** The encoder of the peer. Maps ids to the keys and values of the decoder's layers. */
  public Path onnxEncoder(Path parent) throws IOException {
    Path folder = parent.resolve(name + "-encoder-onnx");
    if (!Files.exists(folder.resolve("model.onnx"))) {
      OnnxGraphWriter g = new OnnxGraphWriter();
      g.input("ids", OnnxGraphWriter.INT64, "batch", "source");
      String x = embedding(g, g.weight(vocab, width), "ids");
      for (int i = 0; i < layers; i++) {
        String in = t5 ? norm(g, x) : x;
        String context =
            attention(
                g,
                split(g, linear(g, in, width, width)),
                split(g, linear(g, in, width, width)),
                split(g, linear(g, in, width, width)));
        x = feedForward(g, block(g, x, linear(g, context, width, width)));
      }
      String encoded = t5 ? norm(g, x) : x;
      for (int i = 0; i < layers; i++) {
        for (String part : new String[] {"key", "value"}) {
          String output = "cross." + i + "." + part;
          g.named(output, "Identity", in(split(g, linear(g, encoded, width, width))));
          g.output(output, OnnxGraphWriter.FLOAT, "batch", heads, "source", headDim());
        }
      }
      g.write(folder);
    }
    return folder;
  }

  /**
   * A decoding step of the peer. Maps one token per beam and the cache to the best next tokens and
   * the new cache.
   */
  public Path onnxDecoder(Path parent) throws IOException {
    Path folder = parent.resolve(name + "-decoder-onnx");
    if (!Files.exists(folder.resolve("model.onnx"))) {
      OnnxGraphWriter g = new OnnxGraphWriter();
      g.input("ids", OnnxGraphWriter.INT64, "beams", 1);
      String words = g.weight(vocab, width);
      String x = embedding(g, words, "ids");
      for (int i = 0; i < layers; i++) {
        String in = t5 ? norm(g, x) : x;
        String query = split(g, linear(g, in, width, width));
        String[] now = new String[2];
        String[] parts = {"key", "value"};
        for (int p = 0; p < 2; p++) {
          String name = i + "." + parts[p];
          g.input("past." + name, OnnxGraphWriter.FLOAT, "beams", heads, "past", headDim());
          g.input("cross." + name, OnnxGraphWriter.FLOAT, 1, heads, "source", headDim());
          now[p] = "present." + name;
          String added = split(g, linear(g, in, width, width));
          g.named(now[p], "Concat", in("past." + name, added), new Attribute("axis", 2L));
          g.output(now[p], OnnxGraphWriter.FLOAT, "beams", heads, "length", headDim());
        }
        x = block(g, x, linear(g, attention(g, query, now[0], now[1]), width, width));
        in = t5 ? norm(g, x) : x;
        query = split(g, linear(g, in, width, width));
        String context = attention(g, query, "cross." + i + ".key", "cross." + i + ".value");
        x = feedForward(g, block(g, x, linear(g, context, width, width)));
      }
      String last = t5 ? norm(g, x) : x;
      String turned = g.node("Transpose", in(words), new Attribute("perm", new long[] {1, 0}));
      String logits = g.node("MatMul", in(last, turned));
      g.named(
          "next", "ArgMax", in(logits), new Attribute("axis", 2L), new Attribute("keepdims", 0L));
      g.output("next", OnnxGraphWriter.INT64, "beams", 1);
      g.write(folder);
    }
    return folder;
  }

  private static String[] in(String... names) {
    return names;
  }

  private String embedding(OnnxGraphWriter g, String words, String ids) {
    String x = g.node("Gather", in(words, ids));
    return t5 ? x : norm(g, x);
  }

  private String linear(OnnxGraphWriter g, String x, int out, int in) {
    String product = g.node("MatMul", in(x, g.weight(in, out)));
    return t5 ? product : g.node("Add", in(product, g.weight(out)));
  }

  /**
   * Adds a norm in the form that ONNX Runtime recognises: an RMS norm for T5, its own LayerNorm for
   * BART.
   */
  private String norm(OnnxGraphWriter g, String x) {
    if (!t5) {
      return g.node(
          "LayerNormalization",
          in(x, g.weight(width), g.weight(width)),
          new Attribute("axis", -1L));
    }
    String square = g.node("Pow", in(x, g.scalar(2)));
    String mean = g.node("ReduceMean", in(square), new Attribute("axes", new long[] {-1}));
    String root = g.node("Sqrt", in(g.node("Add", in(mean, g.scalar(1e-6f)))));
    return g.node("Mul", in(g.node("Div", in(x, root)), g.weight(width)));
  }

  private String block(OnnxGraphWriter g, String x, String added) {
    String sum = g.node("Add", in(x, added));
    return t5 ? sum : norm(g, sum);
  }

  private String feedForward(OnnxGraphWriter g, String x) {
    String inner = linear(g, t5 ? norm(g, x) : x, intermediate, width);
    if (t5) {
      inner = g.node("Relu", in(inner));
    } else {
      String erf = g.node("Erf", in(g.node("Div", in(inner, g.scalar((float) Math.sqrt(2))))));
      String product = g.node("Mul", in(inner, g.node("Add", in(erf, g.scalar(1)))));
      inner = g.node("Mul", in(product, g.scalar(0.5f)));
    }
    return block(g, x, linear(g, inner, width, intermediate));
  }

  /** Reshapes {@code [batch, tokens, width]} to {@code [batch, heads, tokens, headDim]}. */
  private String split(OnnxGraphWriter g, String x) {
    String apart = g.node("Reshape", in(x, g.integers(0, 0, heads, headDim())));
    return g.node("Transpose", in(apart), new Attribute("perm", new long[] {0, 2, 1, 3}));
  }

  private String attention(OnnxGraphWriter g, String query, String keys, String values) {
    String turned = g.node("Transpose", in(keys), new Attribute("perm", new long[] {0, 1, 3, 2}));
    String scores = g.node("MatMul", in(query, turned));
    if (!t5) {
      scores = g.node("Mul", in(scores, g.scalar((float) (1 / Math.sqrt(headDim())))));
    }
    String weights = g.node("Softmax", in(scores), new Attribute("axis", -1L));
    String mixed = g.node("MatMul", in(weights, values));
    String tokens = g.node("Transpose", in(mixed), new Attribute("perm", new long[] {0, 2, 1, 3}));
    return g.node("Reshape", in(tokens, g.integers(0, 0, width)));
  }
}
