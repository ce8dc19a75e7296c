package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.model.TokenModel;
import dev.panaformer.tokenizer.vocabulary.AddedToken;
import java.util.List;

/**
 * What a file says about a tokenizer, whatever its format.
 *
 * @param sections {@code normalizer}, {@code pre_tokenizer}, {@code post_processor} and {@code
 *     decoder} as in tokenizer.json
 */
record TokenizerFile(ConfigJson sections, TokenModel model, List<AddedToken> added) {
  TokenizerFile {
    added = List.copyOf(added);
  }

  TokenizerFile with(String section, Object value) {
    return new TokenizerFile(sections.with(section, value), model, added);
  }
}
