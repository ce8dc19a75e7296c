package dev.panaformer.model.text;

import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The encoder with the masked-language-model head of pre-training. It gives each token a score for
 * each token of the vocabulary.
 *
 * @param transform {@code [embedding, hidden]}; only in ALBERT the two widths differ
 * @param decoder {@code [vocab, embedding]}; these are the word embeddings, unless config.json says
 *     that they are not tied
 */
public record BertForMaskedLM(BertModel bert, Linear transform, LayerNorm norm, Linear decoder)
    implements BertTask {
  private static final Buffer TRANSFORMED = Buffer.named("transformed hidden states");
  private static final Buffer LOGITS = Buffer.named("logits");

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static BertForMaskedLM load(Weights weights, BertConfig config) {
    int hidden = config.hiddenSize();
    int embedding = config.embeddingSize();
    int vocab = config.vocabSize();
    Weights head = weights.at("cls.predictions");
    boolean tied = config.tieWordEmbeddings();
    PackedWeight words =
        tied
            ? weights.packed("embeddings.word_embeddings.weight", vocab, embedding)
            : head.packed("decoder.weight", vocab, embedding);
    BertModel bert = BertModel.load(weights, config, tied ? Optional.of(words) : Optional.empty());
    return new BertForMaskedLM(
        bert,
        head.at("transform").linear("dense", embedding, hidden),
        head.at("transform").layerNorm("LayerNorm", embedding, config.layerNormEps()),
        // The checkpoint of a head that is not tied may store its bias as decoder.bias, beside an
        // unused one.
        new Linear(
            words,
            head.tensor(!tied && head.has("decoder.bias") ? "decoder.bias" : "bias", vocab)));
  }

  /**
   * @return logits {@code [tokens, vocab]}
   */
  @Override
  public MemorySegment forward(Pass pass) {
    int tokens = pass.batch().tokens();
    MemorySegment logits = logits(pass, bert.forward(pass), tokens);
    pass.report("logits", logits, tokens, decoder.out());
    return logits;
  }

  /**
   * Evaluates the head alone, for some hidden states.
   *
   * @param x {@code [rows, hidden]}
   * @return logits {@code [rows, vocab]}
   */
  public MemorySegment logits(MemorySegment x, int rows, Workspace workspace) {
    return logits(Pass.of(kernels(), workspace, workspace.batch(), Trace.NONE), x, rows);
  }

  private MemorySegment logits(Pass pass, MemorySegment x, int rows) {
    MemorySegment y = pass.floats(TRANSFORMED, rows * transform.out());
    MemorySegment logits = pass.floats(LOGITS, rows * decoder.out());
    transform.forward(pass, x, y, rows, bert.config().hiddenAct());
    norm.forward(pass, y, y, rows);
    decoder.forward(pass, y, logits, rows);
    return logits;
  }
}
