package dev.panaformer.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * How the checkpoints of a family spell the names that a model asks for: rules that rewrite a name,
 * or that add a second spelling to look for. Rules apply in the order in which they were added.
 * Immutable.
 */
public final class WeightNames {
  /** Names as the model asks for them. */
  public static final WeightNames SAME = new WeightNames(List.of());

  private final List<Function<String, Stream<String>>> rules;

  private WeightNames(List<Function<String, Stream<String>>> rules) {
    this.rules = List.copyOf(rules);
  }

  /** {@code part} of a name is spelled {@code other}. */
  public WeightNames renamed(String part, String other) {
    return with(name -> Stream.of(name.replace(part, other)));
  }

  /**
   * A name that a regular expression matches in whole is spelled as the replacement says, {@code
   * $1} standing for the first group.
   */
  public WeightNames matching(String regex, String replacement) {
    Pattern pattern = Pattern.compile(regex);
    return with(name -> {
      Matcher matcher = pattern.matcher(name);
      return Stream.of(matcher.matches() ? matcher.replaceFirst(replacement) : name);
    });
  }

  /** {@code part} of a name may also be spelled {@code other}. */
  public WeightNames orRenamed(String part, String other) {
    return with(name -> Stream.of(name, name.replace(part, other)));
  }

  /** Names may also begin with {@code prefix}. */
  public WeightNames orPrefixed(String prefix) {
    return with(name -> Stream.of(name, prefix + name));
  }

  private WeightNames with(Function<String, Stream<String>> rule) {
    List<Function<String, Stream<String>>> extended = new ArrayList<>(rules);
    extended.add(rule);
    return new WeightNames(extended);
  }

  /** The spellings of a name, those to be preferred first. */
  public List<String> of(String name) {
    Stream<String> spellings = Stream.of(name);
    for (Function<String, Stream<String>> rule : rules) {
      spellings = spellings.flatMap(rule);
    }
    return spellings.distinct().toList();
  }
}
