package dev.panaformer.tokenizer.pattern;

import java.util.Locale;
import java.util.Map;
import java.util.regex.PatternSyntaxException;

/**
 * Rewrites regular expressions from the syntax of Oniguruma, which the reference uses, to that of
 * {@code java.util.regex}. What means something else in Java, and cannot be rewritten, is refused.
 */
final class OnigurumaSyntax {
  private static final Map<String, String> POSIX_CLASSES =
      Map.ofEntries(
          Map.entry("alpha", "\\p{IsAlphabetic}"),
          Map.entry("digit", "\\p{Nd}"),
          Map.entry("alnum", "\\p{IsAlphabetic}\\p{Nd}"),
          Map.entry("upper", "\\p{IsUppercase}"),
          Map.entry("lower", "\\p{IsLowercase}"),
          Map.entry("space", "\\s"),
          Map.entry("punct", "\\p{IsPunctuation}\\p{S}"),
          Map.entry("cntrl", "\\p{Cc}"),
          Map.entry("word", "\\p{IsAlphabetic}\\p{M}\\p{Nd}\\p{Pc}"),
          Map.entry("ascii", "\\x00-\\x7F"),
          Map.entry("xdigit", "0-9a-fA-F"));

  /** Names of properties that Java knows under another name. */
  private static final Map<String, String> PROPERTIES =
      Map.ofEntries(
          Map.entry("alpha", "IsAlphabetic"),
          Map.entry("alphabetic", "IsAlphabetic"),
          Map.entry("digit", "Nd"),
          Map.entry("upper", "IsUppercase"),
          Map.entry("lower", "IsLowercase"),
          Map.entry("space", "IsWhite_Space"),
          Map.entry("letter", "L"),
          Map.entry("number", "N"),
          Map.entry("mark", "M"),
          Map.entry("punctuation", "P"),
          Map.entry("symbol", "S"),
          Map.entry("emoji", "IsEmoji"));

  /** What {@code \w} matches. Java adds the two joiners of zero width. */
  private static final String WORD = "\\p{IsAlphabetic}\\p{M}\\p{Nd}\\p{Pc}";

  /** What {@code \w} matches beyond that outside of brackets: other numbers of Latin-1. */
  private static final String MORE_WORD = "\\u00B2\\u00B3\\u00B9\\u00BC-\\u00BE";

  private final String regex;
  private final StringBuilder java = new StringBuilder();
  private int at;
  private int classDepth;

  private OnigurumaSyntax(String regex) {
    this.regex = regex;
  }

  /**
   * @throws PatternSyntaxException if the expression uses what is not supported
   */
  static String toJava(String regex) {
    OnigurumaSyntax syntax = new OnigurumaSyntax(regex);
    while (syntax.at < regex.length()) {
      syntax.next();
    }
    return syntax.java.toString();
  }

  private void next() {
    char c = regex.charAt(at);
    switch (c) {
      case '\\' -> escape();
      case '[' -> openClass();
      case ']' -> {
        classDepth = Math.max(0, classDepth - 1);
        copy(1);
      }
      case '(' -> group();
      case '{' -> interval();
      default -> copy(1);
    }
  }

  private void copy(int count) {
    java.append(regex, at, at + count);
    at += count;
  }

  private PatternSyntaxException refused(String what) {
    return new PatternSyntaxException(what + " is not supported", regex, at);
  }

  private void escape() {
    if (at + 1 >= regex.length()) {
      throw new PatternSyntaxException("ends with \\", regex, at);
    }
    char c = regex.charAt(at + 1);
    switch (c) {
      case 'h' -> replace(2, classDepth > 0 ? "0-9a-fA-F" : "[0-9a-fA-F]");
      case 'H' -> replace(2, "[^0-9a-fA-F]");
      case 'w' -> replace(2, classDepth > 0 ? WORD : "[" + WORD + MORE_WORD + "]");
      case 'W' -> replace(2, "[^" + WORD + (classDepth > 0 ? "" : MORE_WORD) + "]");
      case 'p', 'P' -> property();
      case 'K', 'G', 'X', 'R', 'N', 'O', 'y', 'Y', 'g', 'v', 'M', 'C', 'c', 'Q', 'E' ->
          throw refused("\\" + c);
      case 'x' -> {
        if (regex.startsWith("{", at + 2)) {
          int end = regex.indexOf('}', at);
          copy((end < 0 ? regex.length() : end + 1) - at);
        } else {
          copy(2);
        }
      }
      default -> copy(2);
    }
  }

  private void replace(int count, String with) {
    java.append(with);
    at += count;
  }

  /** {@code \p{Han}}: Java wants scripts and binary properties with the prefix Is. */
  private void property() {
    if (!regex.startsWith("{", at + 2)) {
      throw refused("a property without braces");
    }
    int end = regex.indexOf('}', at);
    if (end < 0) {
      throw new PatternSyntaxException("unclosed property", regex, at);
    }
    boolean negated = regex.charAt(at + 1) == 'P';
    String name = regex.substring(at + 3, end);
    if (name.startsWith("^")) {
      negated = !negated;
      name = name.substring(1);
    }
    String known = PROPERTIES.get(name.toLowerCase(Locale.ROOT));
    boolean category = name.length() <= 2;
    String translated = known != null ? known : category ? name : "Is" + name;
    replace(end + 1 - at, (negated ? "\\P{" : "\\p{") + translated + "}");
  }

  private void openClass() {
    if (classDepth > 0 && regex.startsWith("[:", at)) {
      int end = regex.indexOf(":]", at);
      if (end > 0) {
        String name = regex.substring(at + 2, end);
        boolean negated = name.startsWith("^");
        String set = POSIX_CLASSES.get(negated ? name.substring(1) : name);
        if (set == null) {
          throw refused("[:" + name + ":]");
        }
        replace(end + 2 - at, "[" + (negated ? "^" : "") + set + "]");
        return;
      }
    }
    classDepth++;
    copy(1);
    if (regex.startsWith("^", at)) {
      copy(1);
    }
    if (regex.startsWith("]", at)) {
      // Directly after the opening bracket, a closing one is a literal.
      replace(1, "\\]");
    }
  }

  private void group() {
    if (classDepth > 0 || !regex.startsWith("(?", at)) {
      copy(1);
      return;
    }
    int i = at + 2;
    char c = i < regex.length() ? regex.charAt(i) : ' ';
    if (c == '~' || c == '(' || c == '|' || c == '&' || c == '@' || c == '#' || c == '{') {
      throw refused("(?" + c);
    }
    if (c == ':' || c == '=' || c == '!' || c == '>' || c == '<') {
      copy(3);
      return;
    }
    StringBuilder options = new StringBuilder();
    boolean on = true;
    for (; i < regex.length(); i++) {
      char option = regex.charAt(i);
      switch (option) {
        case '-' -> {
          on = false;
          options.append('-');
        }
        // Oniguruma folds all of Unicode, which Java must be asked for.
        case 'i' -> options.append(on ? "iu" : "i");
        case 'm' -> options.append('s');
        case 'x' -> options.append('x');
        case ':', ')' -> {
          java.append("(?").append(options).append(option);
          at = i + 1;
          return;
        }
        default -> throw refused("(?" + option);
      }
    }
    throw new PatternSyntaxException("unclosed group", regex, at);
  }

  private void interval() {
    if (classDepth > 0) {
      java.append("\\{");
      at++;
      return;
    }
    int end = regex.indexOf('}', at);
    String bounds = end < 0 ? "" : regex.substring(at + 1, end);
    if (!bounds.matches("\\d{1,6}(,\\d{0,6})?|,\\d{1,6}")) {
      java.append("\\{");
      at++;
      return;
    }
    char after = end + 1 < regex.length() ? regex.charAt(end + 1) : ' ';
    if (after == '+' || after == '?' && !bounds.contains(",")) {
      throw refused("{" + bounds + "}" + after);
    }
    replace(end + 1 - at, "{" + (bounds.startsWith(",") ? "0" : "") + bounds + "}");
  }
}
