package dev.panaformer.cli;

import dev.panaformer.Label;
import dev.panaformer.TextClassifier;
import dev.panaformer.TokenClassifier;
import dev.panaformer.TokenClassifier.Entity;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.model.BertConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Labels for texts, or for the spans of texts, whichever the model was trained for. */
@Command(
    name = "classify",
    description = {
      "Print the labels of each text with their probabilities, the best first;",
      "of a token classifier, the spans of each text that have a label."
    })
final class ClassifyCommand implements Callable<Integer> {
  private static final int TEXTS_AT_ONCE = 64;

  @Spec private CommandSpec spec;
  @Mixin private TextArguments texts;
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer.")
  private Path model;

  @Option(
      names = "--top",
      paramLabel = "N",
      description = "Labels to print of each text. Default: all.")
  private int top = Integer.MAX_VALUE;

  @Option(names = "--json", description = "Print one JSON line for each text.")
  private boolean json;

  private record LabelledText(String text, List<Label> labels) {}

  private record TextWithEntities(String text, List<Entity> entities) {}

  @Override
  public Integer call() throws IOException {
    Counts.requirePositive(spec, "--top", top);
    BertConfig config = BertConfig.of(ModelFolder.open(model).config());
    if (config.architecture().endsWith("ForTokenClassification")) {
      classifyTokens();
    } else {
      classifyTexts();
    }
    return 0;
  }

  private void classifyTexts() throws IOException {
    try (TextReader reader = texts.open();
        TextClassifier classifier = TextClassifier.load(model, compute.options());
        Progress progress = Progress.printing("Classifying", reader.remaining())) {
      List<String> next;
      while (!(next = reader.next(TEXTS_AT_ONCE)).isEmpty()) {
        List<List<Label>> labels = classifier.classifyAll(next);
        for (int i = 0; i < next.size(); i++) {
          List<Label> best = labels.get(i).stream().limit(top).toList();
          print(new LabelledText(next.get(i), best));
        }
        spec.commandLine().getOut().flush();
        progress.advance(next.size());
      }
    }
  }

  private void print(LabelledText result) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(result));
      return;
    }
    out.println(result.text());
    for (Label label : result.labels()) {
      out.printf(Locale.ROOT, "  %7.4f  %s%n", label.score(), label.label());
    }
  }

  private void classifyTokens() throws IOException {
    try (TextReader reader = texts.open();
        TokenClassifier classifier = TokenClassifier.load(model, compute.options());
        Progress progress = Progress.printing("Classifying", reader.remaining())) {
      List<String> next;
      while (!(next = reader.next(1)).isEmpty()) {
        String text = next.get(0);
        print(new TextWithEntities(text, classifier.entities(text)));
        spec.commandLine().getOut().flush();
        progress.advance(1);
      }
    }
  }

  private void print(TextWithEntities result) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(result));
      return;
    }
    out.println(result.text());
    for (Entity entity : result.entities()) {
      out.printf(
          Locale.ROOT,
          "  %7.4f  %-8s  %d-%d  %s%n",
          entity.score(),
          entity.label(),
          entity.start(),
          entity.end(),
          entity.text());
    }
  }
}
