package dev.panaformer.tokenizer.pattern;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Text;
import java.util.Optional;

/** A pattern. Immutable and thread-safe. */
public sealed interface TextPattern permits Literal, Scanner, RegularExpression {

  /**
   * Adds the matches in a range of a text, and the parts between them.
   *
   * @throws CheckpointException if a regular expression takes too many steps
   */
  void find(Text text, int from, int to, Parts parts);

  /**
   * Whether a change of the text changes no more than the matches around it: a match depends on the
   * chars that it covers and the one after them.
   */
  boolean isLocal();

  /**
   * Reads {@code {"String": …}} or {@code {"Regex": …}}.
   *
   * @throws CheckpointException if the regular expression is not supported, naming why
   */
  static TextPattern read(ConfigJson component) {
    ConfigJson pattern = component.object("pattern");
    if (pattern.has("String")) {
      return new Literal(pattern.requireString("String"));
    }
    String regex = pattern.requireString("Regex");
    Optional<Scanner> scanner = PublishedPatterns.scanner(regex);
    return scanner.isPresent()
        ? scanner.get()
        : RegularExpression.compile(regex, pattern.source().toString());
  }
}
