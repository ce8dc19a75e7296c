package dev.panaformer.tokenizer.template;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.template.Template.Sequence;
import java.util.List;

/** {@code [CLS] A [SEP]} and {@code [CLS] A [SEP] B [SEP]}. */
final class BertProcessing {
  private BertProcessing() {}

  static PostProcessor read(ConfigJson json) {
    NamedToken cls = NamedToken.read(json, "cls");
    NamedToken sep = NamedToken.read(json, "sep");
    return new PostProcessor(
        List.of(),
        new Template(List.of(cls.special(0), new Sequence(0, 0), sep.special(0))),
        new Template(
            List.of(
                cls.special(0),
                new Sequence(0, 0),
                sep.special(0),
                new Sequence(1, 1),
                sep.special(1))));
  }
}
