package dev.panaformer.tokenizer.normalize;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Draft;
import java.util.List;

/** Normalizers that are applied one after another. */
record NormalizerSequence(List<Normalizer> normalizers) implements Normalizer {
  static NormalizerSequence read(ConfigJson json) {
    return new NormalizerSequence(
        json.objects("normalizers").stream().map(Normalizer::read).toList());
  }

  @Override
  public void normalize(Draft draft) {
    for (Normalizer normalizer : normalizers) {
      normalizer.normalize(draft);
    }
  }

  @Override
  public boolean isLocal() {
    return normalizers.stream().allMatch(Normalizer::isLocal);
  }
}
