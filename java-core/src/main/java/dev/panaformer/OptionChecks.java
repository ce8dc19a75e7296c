package dev.panaformer;

import java.util.Objects;

/** Checks the values of options. Every message names the option, the value and what is expected. */
final class OptionChecks {
  private OptionChecks() {}

  /**
   * @throws NullPointerException if the value is null
   */
  static <T> T given(String name, T value) {
    return Objects.requireNonNull(value, () -> name + " is null, expected a value");
  }

  /**
   * @throws IllegalArgumentException if the value is below {@code min}
   */
  static void atLeast(long min, String name, long value) {
    if (value < min) {
      throw new IllegalArgumentException(name + " is " + value + ", expected at least " + min);
    }
  }

  /**
   * @throws IllegalArgumentException if the value is outside {@code min} to {@code max}
   */
  static void inRange(long min, long max, String name, long value) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + ", expected " + min + " to " + max);
    }
  }
}
