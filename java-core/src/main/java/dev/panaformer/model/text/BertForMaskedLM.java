package dev.panaformer.model.text;

import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The encoder with the head that it was pre-trained with: for each token a score for each word of
 * the vocabulary.
 *
 * @param transform {@code [embedding, hidden]}; an embedding is as wide as a hidden state but for
 *     ALBERT
 * @param decoder {@code [vocab, embedding]}; the word embeddings, unless config.json unties them
 */
public record BertForMaskedLM(BertModel bert, Linear transform, LayerNorm norm, Linear decoder)
    implements BertTask {
  private static final Buffer TRANSFORMED = Buffer.named("transformed hidden states");
  private static final Buffer LOGITS = Buffer.named("logits");

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has not the
   *     shape that the configuration says
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
        // Untied, a head has a bias of its own beside the one that it would share.
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
   * The head alone, for some of the hidden states.
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
