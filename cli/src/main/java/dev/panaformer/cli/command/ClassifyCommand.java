package dev.panaformer.cli.command;

import dev.panaformer.Label;
import dev.panaformer.TextClassifier;
import dev.panaformer.TextPair;
import dev.panaformer.TokenClassifier;
import dev.panaformer.TokenClassifier.Entity;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.cli.arguments.PairArguments;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import dev.panaformer.model.text.BertConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Classifies texts, or spans of texts, whichever the model was trained for. */
@Command(
    name = "classify",
    description = {
      "Print the labels of each text with their probabilities, the best first.",
      "With a token classifier, print the spans of each text that have a label."
    })
public final class ClassifyCommand extends TextCommand<AutoCloseable> {
  @Mixin private PairArguments pairs;

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

  /**
   * @param pair the second text of a pair, or null
   */
  private record LabelledText(String text, String pair, List<Label> labels) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.println(pair == null ? text : text + "\t" + pair);
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
    UsageException.requirePositive("--top", top);
  }

  @Override
  boolean arePairs() {
    return pairs.arePairs();
  }

  /** A {@link TextClassifier} or a {@link TokenClassifier}, as the model's configuration says. */
  @Override
  AutoCloseable load() throws IOException {
    BertConfig config = BertConfig.of(ModelFolder.open(model).config());
    boolean ofTokens = config.architecture().endsWith("ForTokenClassification");
    if (ofTokens && arePairs()) {
      throw new UsageException(
          "--pairs is for models that classify texts, " + model + " classifies tokens");
    }
    return ofTokens
        ? TokenClassifier.load(model, options())
        : TextClassifier.load(model, options());
  }

  @Override
  int atOnce(AutoCloseable model) {
    return model instanceof TextClassifier ? BATCH : 1;
  }

  @Override
  void evaluateTexts(AutoCloseable model, List<String> texts) {
    if (model instanceof TextClassifier classifier) {
      List<List<Label>> labels = classifier.classifyAll(texts);
      for (int i = 0; i < texts.size(); i++) {
        print(texts.get(i), null, labels.get(i));
      }
    } else if (model instanceof TokenClassifier classifier) {
      for (String text : texts) {
        output().print(new TextWithEntities(text, classifier.entities(text)));
      }
    }
  }

  @Override
  void evaluatePairs(AutoCloseable model, List<TextPair> pairs) {
    List<List<Label>> labels = ((TextClassifier) model).classifyAllPairs(pairs);
    for (int i = 0; i < pairs.size(); i++) {
      print(pairs.get(i).first(), pairs.get(i).second(), labels.get(i));
    }
  }

  private void print(String text, String pair, List<Label> labels) {
    output().print(new LabelledText(text, pair, labels.stream().limit(top).toList()));
  }
}
