package dev.panaformer.nn.weights;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Maps the names of weights in a model to the names in a checkpoint of its family. A rule either
 * rewrites a name or adds an alternative. Rules apply in the order in which they were added.
 * Immutable.
 */
public final class WeightNames {
  /** No rules: the checkpoint uses the names of the model. */
  public static final WeightNames SAME = new WeightNames(List.of());

  private final List<Function<String, Stream<String>>> rules;

  private WeightNames(List<Function<String, Stream<String>>> rules) {
    this.rules = List.copyOf(rules);
  }

  /** Replaces {@code part} of a name by {@code other}. */
  public WeightNames renamed(String part, String other) {
    return with(name -> Stream.of(name.replace(part, other)));
  }

  /**
   * Replaces a name that a regular expression matches as a whole. {@code $1} in the replacement
   * stands for the first group.
   */
  public WeightNames matching(String regex, String replacement) {
    Pattern pattern = Pattern.compile(regex);
    return with(name -> {
      Matcher matcher = pattern.matcher(name);
      return Stream.of(matcher.matches() ? matcher.replaceFirst(replacement) : name);
    });
  }

  /** Adds the alternative in which {@code part} of a name is replaced by {@code other}. */
  public WeightNames orRenamed(String part, String other) {
    return with(name -> Stream.of(name, name.replace(part, other)));
  }

  /** Adds the alternative in which the name begins with {@code prefix}. */
  public WeightNames orPrefixed(String prefix) {
    return with(name -> Stream.of(name, prefix + name));
  }

  private WeightNames with(Function<String, Stream<String>> rule) {
    List<Function<String, Stream<String>>> extended = new ArrayList<>(rules);
    extended.add(rule);
    return new WeightNames(extended);
  }

  /** The names under which a checkpoint may store a weight, preferred names first. */
  public List<String> of(String name) {
    Stream<String> spellings = Stream.of(name);
    for (Function<String, Stream<String>> rule : rules) {
      spellings = spellings.flatMap(rule);
    }
    return spellings.distinct().toList();
  }
}
