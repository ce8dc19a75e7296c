package dev.panaformer.cli.terminal;

import java.util.Locale;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Thrown for an argument whose value is wrong, whatever the files are that it is used with. The
 * exit status is 2, as for an option that does not exist.
 */
public final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** "topP is 7.0, expected …", as the library's options say. */
  private static final Pattern NAMED = Pattern.compile("([a-z]+(?:[A-Z][a-z]*)*) is (.*)");

  public UsageException(String message) {
    super(message);
  }

  private UsageException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Makes something of the library from values that come from the command line.
   *
   * @throws UsageException if the library refuses a value, with the name of the option instead of
   *     that of the library's setting
   */
  public static <T> T unlessRefused(Supplier<T> maker) {
    try {
      return maker.get();
    } catch (IllegalArgumentException e) {
      Matcher matcher = NAMED.matcher(e.getMessage());
      throw new UsageException(
          matcher.matches() ? option(matcher.group(1)) + " is " + matcher.group(2) : e.getMessage(),
          e);
    }
  }

  /** {@code --top-p} of {@code topP}. */
  private static String option(String setting) {
    return setting.equals("stopStrings")
        ? "--stop"
        : "--" + setting.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
  }

  /**
   * @throws UsageException if the value is below 1
   */
  public static void requirePositive(String option, long value) {
    if (value < 1) {
      throw new UsageException(option + " is " + value + ", expected at least 1");
    }
  }
}
