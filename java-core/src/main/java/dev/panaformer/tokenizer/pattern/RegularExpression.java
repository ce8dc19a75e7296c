package dev.panaformer.tokenizer.pattern;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.tokenizer.text.Text;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression that has no scanner. It runs in {@code java.util.regex}, which may need time
 * exponential in the text. The chars that it reads are therefore counted, and a search that reads
 * too many ends with an exception.
 */
final class RegularExpression implements TextPattern {
  /** The chars that a search may read: some thousands for each char of the text. */
  private static final long READS_PER_CHAR = 2_000;

  private static final long FIRST_READS = 200_000;

  private final String regex;
  private final String source;
  private final Pattern pattern;

  private RegularExpression(String regex, String source, Pattern pattern) {
    this.regex = regex;
    this.source = source;
    this.pattern = pattern;
  }

  /**
   * Compiles an expression in Oniguruma's syntax.
   *
   * @param source the file, for messages
   * @throws CheckpointException if it is not valid or not supported
   */
  static RegularExpression compile(String regex, String source) {
    try {
      // Oniguruma's ^ and $ match at every line end, and only \n ends a line.
      int flags = Pattern.MULTILINE | Pattern.UNIX_LINES | Pattern.UNICODE_CHARACTER_CLASS;
      return new RegularExpression(
          regex, source, Pattern.compile(OnigurumaSyntax.toJava(regex), flags));
    } catch (PatternSyntaxException e) {
      throw new CheckpointException(
          String.format("%s: the regular expression \"%s\": %s", source, regex, e.getDescription()),
          e);
    } catch (StackOverflowError e) {
      throw new CheckpointException(
          String.format(
              "%s: a regular expression of %d chars is nested too deep", source, regex.length()));
    }
  }

  @Override
  public void find(Text text, int from, int to, Parts parts) {
    try {
      search(new CountedChars(text, from, to), from, to - from, parts);
    } catch (TooManyReads | StackOverflowError e) {
      throw new CheckpointException(
          String.format(
              "%s: the regular expression \"%s\" takes too many steps for a text of %d chars",
              source, regex, to - from));
    }
  }

  private void search(CountedChars chars, int shift, int length, Parts parts) {
    Matcher matcher = pattern.matcher(chars);
    int done = 0;
    int next = 0;
    int lastEnd = -1;
    while (next <= length && matcher.find(next)) {
      int start = matcher.start();
      int end = matcher.end();
      if (start == end && end == lastEnd) {
        // An empty match directly after a match does not count.
        next =
            end < length ? end + Character.charCount(Character.codePointAt(chars, end)) : end + 1;
        continue;
      }
      parts.match(shift + done, shift + start, shift + end);
      done = next = lastEnd = end;
    }
    parts.rest(shift + done, shift + length);
  }

  @Override
  public boolean isLocal() {
    return false;
  }

  /** Ends a search. It leaves this class only as a {@link CheckpointException}. */
  private static final class TooManyReads extends RuntimeException {
    private static final long serialVersionUID = 1;

    TooManyReads() {
      super("too many steps", null, false, false);
    }
  }

  private static final class CountedChars implements CharSequence {
    private final Text text;
    private final int from;
    private final int to;
    private long left;

    CountedChars(Text text, int from, int to) {
      this.text = text;
      this.from = from;
      this.to = to;
      this.left = FIRST_READS + READS_PER_CHAR * (to - from);
    }

    @Override
    public int length() {
      return to - from;
    }

    @Override
    public char charAt(int index) {
      if (--left < 0) {
        throw new TooManyReads();
      }
      return text.charAt(from + index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(from + start, from + end);
    }

    @Override
    public String toString() {
      return text.substring(from, to);
    }
  }
}
