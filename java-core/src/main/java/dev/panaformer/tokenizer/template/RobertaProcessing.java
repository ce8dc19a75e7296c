package dev.panaformer.tokenizer.template;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.template.Template.Sequence;
import java.util.List;

/** {@code <s> A </s>} and {@code <s> A </s></s> B </s>}, all of type 0. */
final class RobertaProcessing {
  private RobertaProcessing() {}

  static PostProcessor read(ConfigJson json) {
    NamedToken cls = NamedToken.read(json, "cls");
    NamedToken sep = NamedToken.read(json, "sep");
    return new PostProcessor(
        OffsetTrim.read(json),
        new Template(List.of(cls.special(0), new Sequence(0, 0), sep.special(0))),
        new Template(
            List.of(
                cls.special(0),
                new Sequence(0, 0),
                sep.special(0),
                sep.special(0),
                new Sequence(1, 0),
                sep.special(0))));
  }
}
