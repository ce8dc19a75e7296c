package dev.panaformer.tokenizer.file;

/**
 * Reads the scores of a vocabulary with the roundings of the reference, which divides the digits by
 * a power of ten. The result may differ from the nearest double by a bit in the last place. Where
 * two ways to split a text have equal scores but for rounding, that bit decides.
 */
final class Scores {
  private static final int MAX_EXPONENT = 308;
  private static final double[] POWERS_OF_TEN = new double[MAX_EXPONENT + 1];

  static {
    for (int i = 0; i < POWERS_OF_TEN.length; i++) {
      POWERS_OF_TEN[i] = Double.parseDouble("1e" + i);
    }
  }

  private Scores() {}

  /**
   * @param number as JSON writes it
   * @throws NumberFormatException if it is too large for a double
   */
  static double parse(String number) {
    long significand = 0;
    int exponent = 0;
    boolean full = false;
    boolean fraction = false;
    int i = number.startsWith("-") ? 1 : 0;
    for (; i < number.length(); i++) {
      char c = number.charAt(i);
      if (c == '.') {
        fraction = true;
        continue;
      }
      if (c == 'e' || c == 'E') {
        break;
      }
      int digit = c - '0';
      full = full || overflows(significand, digit);
      if (!full) {
        significand = 10 * significand + digit;
        exponent -= fraction ? 1 : 0;
      } else if (!fraction) {
        exponent++;
      }
    }
    if (i < number.length()) {
      exponent += Math.clamp(Long.parseLong(number.substring(i + 1)), -100_000, 100_000);
    }
    double value = scale(unsigned(significand), exponent);
    if (Double.isInfinite(value)) {
      throw new NumberFormatException(number + " is too large");
    }
    return number.startsWith("-") ? -value : value;
  }

  private static boolean overflows(long significand, int digit) {
    long most = Long.divideUnsigned(-1L, 10);
    int order = Long.compareUnsigned(significand, most);
    return order > 0 || order == 0 && digit > Long.remainderUnsigned(-1L, 10);
  }

  private static double unsigned(long value) {
    return value >= 0 ? value : 2.0 * (value >>> 1 | value & 1);
  }

  private static double scale(double value, int power) {
    double scaled = value;
    int exponent = power;
    while (exponent < -MAX_EXPONENT && scaled != 0) {
      scaled /= 1e308;
      exponent += MAX_EXPONENT;
    }
    if (scaled == 0) {
      return 0;
    }
    if (exponent > MAX_EXPONENT) {
      return Double.POSITIVE_INFINITY;
    }
    double factor = POWERS_OF_TEN[Math.abs(exponent)];
    return exponent < 0 ? scaled / factor : scaled * factor;
  }
}
