package dev.panaformer.cli.command;

import dev.panaformer.Label;
import dev.panaformer.TextClassifier;
import dev.panaformer.TokenClassifier;
import dev.panaformer.TokenClassifier.Entity;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.cli.arguments.Counts;
import dev.panaformer.model.text.BertConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Classifies texts, or spans of texts, whichever the model was trained for. */
@Command(
    name = "classify",
    description = {
      "Print the labels of each text with their probabilities, the best first;",
      "of a token classifier, the spans of each text that have a label."
    })
public final class ClassifyCommand extends TextCommand<AutoCloseable> {
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

  private record LabelledText(String text, List<Label> labels) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.println(text);
      Labels.print(labels, out);
    }
  }

  private record TextWithEntities(String text, List<Entity> entities) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.println(text);
      for (Entity entity : entities) {
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

  public ClassifyCommand() {
    super("Classifying");
  }

  @Override
  void checkArguments() {
    Counts.requirePositive(spec(), "--top", top);
  }

  /** A {@link TextClassifier} or a {@link TokenClassifier}, as the model's configuration says. */
  @Override
  AutoCloseable load() throws IOException {
    BertConfig config = BertConfig.of(ModelFolder.open(model).config());
    return config.architecture().endsWith("ForTokenClassification")
        ? TokenClassifier.load(model, options())
        : TextClassifier.load(model, options());
  }

  @Override
  int atOnce(AutoCloseable model) {
    return model instanceof TextClassifier ? BATCH : 1;
  }

  @Override
  void evaluate(AutoCloseable model, List<String> texts) {
    if (model instanceof TextClassifier classifier) {
      List<List<Label>> labels = classifier.classifyAll(texts);
      for (int i = 0; i < texts.size(); i++) {
        List<Label> best = labels.get(i).stream().limit(top).toList();
        print(new LabelledText(texts.get(i), best), json);
      }
    } else if (model instanceof TokenClassifier classifier) {
      for (String text : texts) {
        print(new TextWithEntities(text, classifier.entities(text)), json);
      }
    }
  }
}
