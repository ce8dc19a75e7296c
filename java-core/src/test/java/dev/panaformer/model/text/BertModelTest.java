package dev.panaformer.model.text;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.Backend;
import dev.panaformer.ModelOptions;
import dev.panaformer.TextEmbedder;
import dev.panaformer.TinyModel;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class BertModelTest {
  private static final int[] IDS = {2, 31, 32, 6, 7, 8, 3};

  @TempDir Path folder;
  private Kernels kernels = new JavaKernels();
  private final NativeMemory memory = new NativeMemory();
  private final Workspace workspace = new Workspace();

  @AfterEach
  void close() {
    workspace.close();
    memory.close();
    kernels.close();
  }

  private BertTask load(TinyModel model) {
    ModelFolder written = ModelFolder.open(model.write(folder));
    BertConfig config = BertConfig.of(written.config());
    try (Checkpoint checkpoint = written.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.family().weightNames())) {
      return BertTask.load(weights, config);
    }
  }

  private BertModel bert() {
    return load(new TinyModel("BertModel")).bert();
  }

  private float[] forward(BertModel bert) {
    TokenBatch batch = workspace.batch();
    MemorySegment x = bert.forward(batch, workspace);
    long bytes = (long) batch.tokens() * TinyModel.HIDDEN * Float.BYTES;
    return x.asSlice(0, bytes).toArray(JAVA_FLOAT);
  }

  static List<Named<Supplier<Kernels>>> kernels() {
    return TestKernels.all();
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void aSequenceAloneHasTheBitsItHasInABatch(Supplier<Kernels> supplier) {
    kernels = supplier.get();
    BertModel bert = bert();
    int[][] sequences = {IDS, {2, 3}, {2, 9, 8, 7, 6, 5, 4, 9, 8, 7, 6, 5, 4, 3, 3, 3, 3, 3}, {5}};
    TokenBatch batch = workspace.batch();
    for (int[] ids : sequences) {
      bert.append(batch, ids);
    }
    float[] together = forward(bert);
    int start = 0;
    for (int[] ids : sequences) {
      int end = start + ids.length * TinyModel.HIDDEN;
      batch.clear();
      bert.append(batch, ids);
      assertArrayEquals(forward(bert), Arrays.copyOfRange(together, start, end));
      start = end;
    }
    batch.clear();
    assertEquals(0, forward(bert).length);
  }

  @Test
  void maskedTokensKeepTheirPlaces() {
    BertModel bert = bert();
    TokenBatch batch = workspace.batch();
    bert.append(batch, new int[] {0, 0, 2, 9, 9, 3}, null, new int[] {0, 0, 1, 0, 1, 1});
    assertArrayEquals(new int[] {2, 9, 3}, ints(batch.ids(), 3));
    assertArrayEquals(new int[] {2, 4, 5}, ints(batch.positionIds(), 3));
    // Masked tokens at the end need no positions.
    int[] ids = new int[TinyModel.POSITIONS + 20];
    int[] mask = new int[ids.length];
    mask[0] = 1;
    bert.append(batch, ids, null, mask);
    assertEquals(1, batch.length(1));
  }

  @Test
  void robertaSkipsThePaddingWhenItCounts() {
    TinyModel model = new TinyModel("BertModel");
    model.config.addProperty("model_type", "roberta");
    model.config.addProperty("pad_token_id", 1);
    BertModel bert = load(model).bert();
    TokenBatch batch = workspace.batch();
    bert.append(batch, new int[] {5, 1, 6, 7}, null, new int[] {1, 1, 0, 1});
    assertArrayEquals(new int[] {2, 1, 4}, ints(batch.positionIds(), 3));
    assertEquals(TinyModel.POSITIONS - 2, bert.config().maxTokens());
  }

  @Test
  void anEmbedderOfFirstTokensGivesTheirHiddenStates() throws IOException {
    float[] expected = Arrays.copyOf(hidden(bert()), TinyModel.HIDDEN);
    Files.createDirectory(folder.resolve("1_Pooling"));
    Files.writeString(
        folder.resolve("modules.json"),
        """
        [{"path": "", "type": "sentence_transformers.models.Transformer"},
         {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
        """);
    Files.writeString(
        folder.resolve("1_Pooling/config.json"), "{\"pooling_mode_cls_token\": true}");
    ModelOptions options = ModelOptions.DEFAULT.withBackend(Backend.JAVA);
    try (TextEmbedder embedder = TextEmbedder.load(folder, options)) {
      int[][] texts = {{2, 3}, IDS, {5}};
      assertArrayEquals(expected, embedder.embedAll(texts)[1]);
    }
  }

  private static int[] ints(MemorySegment segment, int count) {
    return segment.asSlice(0, (long) count * Integer.BYTES).toArray(JAVA_INT);
  }

  @Test
  void sequencesThatCannotBeAddedLeaveTheBatchAsItWas() {
    BertModel bert = bert();
    TokenBatch batch = workspace.batch();
    refused(IllegalArgumentException.class, "a sequence without tokens", bert, new int[0]);
    refused(
        IllegalArgumentException.class,
        "a sequence of 41 tokens; the model has positions for 40",
        bert,
        new int[41]);
    refused(
        IndexOutOfBoundsException.class,
        "token 1 has id 36, the model has 36",
        bert,
        new int[] {2, 36});
    refused(
        IndexOutOfBoundsException.class,
        "token 0 has id -1, the model has 36",
        bert,
        new int[] {-1});
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> bert.append(batch, new int[] {2}, new int[] {2}, null));
    assertThrows(
        IllegalArgumentException.class, () -> bert.append(batch, new int[] {2}, new int[2], null));
    assertThrows(
        IllegalArgumentException.class,
        () -> bert.append(batch, new int[] {2}, null, new int[] {0}));
    assertEquals(0, batch.tokens());
    assertEquals(0, batch.sequences());
  }

  private void refused(Class<? extends Exception> type, String message, BertModel bert, int[] ids) {
    Exception e = assertThrows(type, () -> bert.append(workspace.batch(), ids));
    assertEquals(message, e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "BertModel",
        "BertForMaskedLM",
        "BertForSequenceClassification",
        "BertForTokenClassification",
        "BertForQuestionAnswering"
      })
  void theArchitectureIsTheOneThatConfigJsonNames(String architecture) {
    BertTask task = load(new TinyModel(architecture));
    assertEquals(architecture, task.getClass().getSimpleName());
    Map<String, long[]> traced = new HashMap<>();
    task.bert().append(workspace.batch(), IDS);
    task.forward(workspace.batch(), workspace, (name, values, shape) -> traced.put(name, shape));
    assertArrayEquals(new long[] {7, TinyModel.HIDDEN}, traced.get("hidden_states.2"));
  }

  @Test
  void otherArchitecturesAreRefused() {
    TinyModel model = new TinyModel("BertForNextSentencePrediction");
    CheckpointException e = assertThrows(CheckpointException.class, () -> load(model));
    assertTrue(e.getMessage().contains("BertForNextSentencePrediction"), e.getMessage());
  }

  @Test
  void anUntiedDecoderIsItsOwn() {
    TinyModel tied = new TinyModel("BertForMaskedLM");
    assertInstanceOf(BertForMaskedLM.class, load(tied));
    TinyModel untied = new TinyModel("BertForMaskedLM");
    untied.config.addProperty("tie_word_embeddings", false);
    assertThrows(CheckpointException.class, () -> load(untied));
    untied.tensor("cls.predictions.decoder.weight", TinyModel.VOCAB, TinyModel.HIDDEN);
    assertArrayEquals(
        untied.weights.get("cls.predictions.bias").toFloats(),
        bias(load(untied)),
        "the shared one");
    untied.tensor("cls.predictions.decoder.bias", TinyModel.VOCAB);
    assertArrayEquals(
        untied.weights.get("cls.predictions.decoder.bias").toFloats(),
        bias(load(untied)),
        "its own");
    tied.tensor("cls.predictions.decoder.bias", TinyModel.VOCAB);
    assertArrayEquals(
        tied.weights.get("cls.predictions.bias").toFloats(), bias(load(tied)), "tied");
  }

  private static float[] bias(BertTask model) {
    MemorySegment bias = ((BertForMaskedLM) model).decoder().bias();
    return bias.asSlice(0, TinyModel.VOCAB * 4L).toArray(JAVA_FLOAT);
  }

  @Test
  void namesOfTheFirstReleases() {
    float[] expected = hidden(bert());
    TinyModel old = new TinyModel("BertModel");
    Map<String, Tensor> weights = Map.copyOf(old.weights);
    old.weights.clear();
    weights.forEach((name, tensor) ->
        old.weights.put(
            "bert."
                + name.replace("LayerNorm.weight", "LayerNorm.gamma")
                    .replace("LayerNorm.bias", "LayerNorm.beta"),
            tensor));
    assertArrayEquals(expected, hidden(load(old).bert()));
  }

  private float[] hidden(BertModel bert) {
    workspace.batch().clear();
    bert.append(workspace.batch(), IDS);
    return forward(bert);
  }
}
