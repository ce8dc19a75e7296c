package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Pieces;
import java.util.List;

/** Pre-tokenizers that are applied one after another. */
record PreTokenizerSequence(List<PreTokenizer> preTokenizers) implements PreTokenizer {
  static PreTokenizerSequence read(ConfigJson json) {
    return new PreTokenizerSequence(
        json.objects("pretokenizers").stream().map(PreTokenizer::read).toList());
  }

  @Override
  public void split(Pieces pieces) {
    for (PreTokenizer preTokenizer : preTokenizers) {
      preTokenizer.split(pieces);
    }
  }

  @Override
  public boolean isLocal() {
    return preTokenizers.stream().allMatch(PreTokenizer::isLocal);
  }

  @Override
  public boolean needsAlignment() {
    return preTokenizers.stream().anyMatch(PreTokenizer::needsAlignment);
  }
}
