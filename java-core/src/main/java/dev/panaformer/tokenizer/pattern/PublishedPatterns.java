package dev.panaformer.tokenizer.pattern;

import dev.panaformer.tokenizer.pattern.WordScanner.Contractions;
import dev.panaformer.tokenizer.pattern.WordScanner.Numbers;
import dev.panaformer.tokenizer.pattern.WordScanner.Others;
import dev.panaformer.tokenizer.pattern.WordScanner.Spaces;
import dev.panaformer.tokenizer.pattern.WordScanner.Words;
import dev.panaformer.tokenizer.text.Chars;
import java.util.Map;
import java.util.Optional;

/** The regular expressions of published models that have a scanner. */
public final class PublishedPatterns {
  private static final int ANY = Integer.MAX_VALUE;

  private static final String ANY_CASE = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String LOWER_CASE = "'s|'t|'re|'ve|'m|'ll|'d";
  private static final String ALL_BUT_LAST = "|\\s+(?!\\S)|\\s+";
  private static final String NEWLINES = "|\\s*[\\r\\n]+" + ALL_BUT_LAST;
  private static final String PREFIX = "[^\\r\\n\\p{L}\\p{N}]?";
  private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String OTHERS = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
  private static final String OTHERS_AND_SLASHES = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";

  /** GPT-2, and the pre-tokenizer ByteLevel. */
  public static final Scanner GPT2 =
      new WordScanner(
          Contractions.LOWER_CASE,
          Words.SPACE_AND_LETTERS,
          Numbers.SPACE_AND_ANY,
          Others.SPACE,
          Spaces.ALL_BUT_LAST);

  private static final Scanner LLAMA3 = cl100k(Contractions.ANY_CASE, Numbers.UP_TO_THREE);

  private static final Map<String, Scanner> SCANNERS =
      Map.ofEntries(
          Map.entry(LOWER_CASE + "| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+" + ALL_BUT_LAST, GPT2),
          // Llama 3, and cl100k as it is usually converted.
          Map.entry(ANY_CASE + "|" + PREFIX + "\\p{L}+|\\p{N}{1,3}" + OTHERS + NEWLINES, LLAMA3),
          // cl100k as its authors write it, with possessive quantifiers.
          Map.entry(
              "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}"
                  + "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]"
                  + ALL_BUT_LAST,
              LLAMA3),
          // Qwen 2 and 3.
          Map.entry(
              ANY_CASE + "|" + PREFIX + "\\p{L}+|\\p{N}" + OTHERS + NEWLINES,
              cl100k(Contractions.ANY_CASE, Numbers.SINGLE)),
          // Qwen 3.5.
          Map.entry(
              ANY_CASE
                  + "|"
                  + PREFIX
                  + "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"
                  + NEWLINES,
              new WordScanner(
                  Contractions.ANY_CASE,
                  Words.PREFIX_AND_MARKED_LETTERS,
                  Numbers.SINGLE,
                  Others.SPACE_AND_NEWLINES_NO_MARKS,
                  Spaces.NEWLINES_THEN_ALL_BUT_LAST)),
          // o200k: GPT-4o and gpt-oss.
          Map.entry(
              capitalized(ANY_CASE + "?") + "|\\p{N}{1,3}" + OTHERS_AND_SLASHES + NEWLINES,
              o200k(Contractions.AFTER_WORD, Numbers.UP_TO_THREE)),
          // Tekken: Mistral Nemo and later.
          Map.entry(
              capitalized("") + "|\\p{N}" + OTHERS_AND_SLASHES + NEWLINES,
              o200k(Contractions.NONE, Numbers.SINGLE)),
          // CLIP.
          Map.entry(
              LOWER_CASE + "|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
              new WordScanner(
                  Contractions.LOWER_CASE,
                  Words.LETTERS,
                  Numbers.SINGLE,
                  Others.PLAIN,
                  Spaces.NONE)),
          Map.entry(
              "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
                  + "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*"
                  + NEWLINES,
              new DeepSeekScanner()),
          Map.entry(
              "[一-龥\u3040-ゟ゠-ヿ]+",
              new RunScanner(c -> c >= '一' && c <= '龥' || c >= 0x3040 && c <= 'ヿ', 1, ANY)),
          Map.entry("\\p{N}{1,3}", new RunScanner(Chars::isNumber, 1, 3)),
          Map.entry("\\p{N}", new RunScanner(Chars::isNumber, 1, 1)),
          Map.entry("\\p{N}+", new RunScanner(Chars::isNumber, 1, ANY)),
          Map.entry("\\d", new RunScanner(Character::isDigit, 1, 1)),
          Map.entry("\\d+", new RunScanner(Character::isDigit, 1, ANY)),
          Map.entry("\\d{1,3}", new RunScanner(Character::isDigit, 1, 3)),
          Map.entry("[0-9]", new RunScanner(PublishedPatterns::isAsciiDigit, 1, 1)),
          Map.entry("[0-9]+", new RunScanner(PublishedPatterns::isAsciiDigit, 1, ANY)),
          Map.entry("[0-9][0-9][0-9]", new RunScanner(PublishedPatterns::isAsciiDigit, 3, 3)),
          Map.entry("\\s", new RunScanner(Chars::isWhitespace, 1, 1)),
          Map.entry("\\s+", new RunScanner(Chars::isWhitespace, 1, ANY)),
          Map.entry(" {2,}", new RunScanner(c -> c == ' ', 2, ANY)),
          Map.entry(" +", new RunScanner(c -> c == ' ', 1, ANY)),
          Map.entry("[\\r\\n]", new RunScanner(c -> c == '\r' || c == '\n', 1, 1)),
          Map.entry("\\n+", new RunScanner(c -> c == '\n', 1, ANY)));

  private PublishedPatterns() {}

  private static Scanner cl100k(Contractions contractions, Numbers numbers) {
    return new WordScanner(
        contractions,
        Words.PREFIX_AND_LETTERS,
        numbers,
        Others.SPACE_AND_NEWLINES,
        Spaces.NEWLINES_THEN_ALL_BUT_LAST);
  }

  private static Scanner o200k(Contractions contractions, Numbers numbers) {
    return new WordScanner(
        contractions,
        Words.CAPITALIZED,
        numbers,
        Others.SPACE_AND_NEWLINES_OR_SLASHES,
        Spaces.NEWLINES_THEN_ALL_BUT_LAST);
  }

  private static String capitalized(String contraction) {
    return PREFIX
        + UPPER
        + "*"
        + LOWER
        + "+"
        + contraction
        + "|"
        + PREFIX
        + UPPER
        + "+"
        + LOWER
        + "*"
        + contraction;
  }

  private static boolean isAsciiDigit(int c) {
    return c >= '0' && c <= '9';
  }

  /** The scanner that finds the same matches as a regular expression, if there is one. */
  static Optional<Scanner> scanner(String regex) {
    return Optional.ofNullable(SCANNERS.get(regex));
  }

  /** The regular expressions that have a scanner, for tests. */
  public static Iterable<String> regularExpressions() {
    return SCANNERS.keySet();
  }
}
