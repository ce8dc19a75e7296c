package dev.panaformer.tokenizer.template;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What is done to the tokens of texts: where their ranges begin and end, and which tokens are put
 * around them. Immutable.
 *
 * @param trims how white space is taken out of the ranges of tokens, one after another
 * @param single the template of one text
 * @param pair the template of two texts
 */
public record PostProcessor(List<OffsetTrim> trims, Template single, Template pair) {
  /** Does nothing. */
  public static final PostProcessor NONE =
      new PostProcessor(List.of(), Template.SINGLE, Template.PAIR);

  /** The post-processors by their type in tokenizer.json. */
  private static final Map<String, Function<ConfigJson, PostProcessor>> TYPES =
      Map.of(
          "BertProcessing", BertProcessing::read,
          "ByteLevel", ByteLevelProcessing::read,
          "RobertaProcessing", RobertaProcessing::read,
          "Sequence", PostProcessor::readSequence,
          "TemplateProcessing", TemplateProcessing::read);

  public PostProcessor {
    trims = List.copyOf(trims);
  }

  /** Whether it has templates of its own. */
  boolean hasTemplates() {
    return single != Template.SINGLE || pair != Template.PAIR;
  }

  /**
   * Reads a post-processor of a tokenizer.json.
   *
   * @throws CheckpointException if its type is unknown or a field is invalid
   */
  public static PostProcessor read(ConfigJson json) {
    Function<ConfigJson, PostProcessor> reader = TYPES.get(json.requireString("type"));
    if (reader == null) {
      throw json.unsupported("type", "one of " + TYPES.keySet().stream().sorted().toList());
    }
    return reader.apply(json);
  }

  private static PostProcessor readSequence(ConfigJson json) {
    PostProcessor all = NONE;
    for (ConfigJson part : json.objects("processors")) {
      PostProcessor processor = read(part);
      if (all.hasTemplates() && processor.hasTemplates()) {
        throw json.unsupported("processors", "at most one that adds tokens");
      }
      List<OffsetTrim> trims = new ArrayList<>(all.trims);
      trims.addAll(processor.trims);
      PostProcessor templates = processor.hasTemplates() ? processor : all;
      all = new PostProcessor(trims, templates.single, templates.pair);
    }
    return all;
  }
}
