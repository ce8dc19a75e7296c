package dev.panaformer.tokenizer.file;

import dev.panaformer.tokenizer.decode.Decoder;
import dev.panaformer.tokenizer.model.TokenModel;
import dev.panaformer.tokenizer.normalize.Normalizer;
import dev.panaformer.tokenizer.split.PreTokenizer;
import dev.panaformer.tokenizer.template.PostProcessor;
import dev.panaformer.tokenizer.vocabulary.AddedTokens;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The components of a tokenizer. Immutable.
 *
 * @param source the file, for messages
 * @param cleansUpSpaces whether decoding removes spaces before punctuation
 * @param maxLength the number of tokens that the folder allows for a text
 */
public record TokenizerParts(
    String source,
    Optional<Normalizer> normalizer,
    Optional<PreTokenizer> preTokenizer,
    TokenModel model,
    AddedTokens added,
    PostProcessor postProcessor,
    Optional<Decoder> decoder,
    boolean cleansUpSpaces,
    OptionalInt maxLength) {}
