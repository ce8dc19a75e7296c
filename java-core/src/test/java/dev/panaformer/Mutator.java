package dev.panaformer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Damages files as disks, networks and people with bad intentions do. The same seed and number give
 * the same mutant.
 */
final class Mutator {
  private static final int MAX_CHANGES = 3;

  private static final long[] EXTREMES = {
    -1, 0, 1, 8, Byte.MAX_VALUE, Integer.MAX_VALUE, 1L << 31, 1L << 32, 1L << 62, Long.MIN_VALUE
  };

  private static final String[] TOKENS = {
    "-1",
    "0",
    "1",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "1e999",
    "-0.0",
    "1.5",
    "NaN",
    "null",
    "true",
    "\"\"",
    "\"text\"",
    "[]",
    "{}",
    "[".repeat(100),
    "{\"a\":".repeat(100),
    "\"\\ud800\"",
    "\"../../x\"",
    "\"/etc/passwd\""
  };

  private final byte[] valid;
  private final SplittableRandom random;

  private Mutator(byte[] valid, SplittableRandom random) {
    this.valid = valid;
    this.random = random;
  }

  /** The mutant of that number. */
  static byte[] mutant(byte[] valid, long seed, int number) {
    Mutator mutator = new Mutator(valid, new SplittableRandom(seed * 1_000_003 + number));
    byte[] mutant = valid;
    for (int i = 1 + mutator.random.nextInt(MAX_CHANGES); i > 0; i--) {
      mutant = mutator.change(mutant);
    }
    return mutant;
  }

  private byte[] change(byte[] bytes) {
    if (bytes.length == 0) {
      return valid;
    }
    byte[] changed = bytes.clone();
    int at = random.nextInt(bytes.length);
    int count = 1 + random.nextInt(Math.min(16, bytes.length - at));
    switch (random.nextInt(10)) {
      case 0 -> changed[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> changed[at] = (byte) random.nextInt(256);
      case 2 ->
          changed[at] = "[]{}\",:-.0e9\\".getBytes(StandardCharsets.US_ASCII)[random.nextInt(13)];
      case 3 -> overwrite(changed, at, EXTREMES[random.nextInt(EXTREMES.length)]);
      case 4 -> changed = Arrays.copyOf(bytes, at);
      case 5 -> changed = replace(bytes, at, at + count, new byte[0]);
      case 6 -> changed = replace(bytes, at, at, Arrays.copyOfRange(bytes, at, at + count));
      case 7 -> {
        int from = random.nextInt(valid.length);
        int end = from + 1 + random.nextInt(Math.min(64, valid.length - from));
        changed = replace(bytes, at, at, Arrays.copyOfRange(valid, from, end));
      }
      default -> changed = replaceToken(bytes, at);
    }
    return changed;
  }

  /** As a length or an offset would be written, with as many of its bytes as there is room for. */
  private void overwrite(byte[] bytes, int at, long value) {
    int width = random.nextBoolean() ? Long.BYTES : Integer.BYTES;
    for (int i = 0; i < width && at + i < bytes.length; i++) {
      bytes[at + i] = (byte) (value >> (8 * i));
    }
  }

  /** Replaces the word or number there, or after it, as a text would have one. */
  private byte[] replaceToken(byte[] bytes, int at) {
    int begin = at;
    while (begin < bytes.length && !isWord(bytes[begin])) {
      begin++;
    }
    while (begin > 0 && begin < bytes.length && isWord(bytes[begin - 1])) {
      begin--;
    }
    int end = begin;
    while (end < bytes.length && isWord(bytes[end])) {
      end++;
    }
    byte[] token = TOKENS[random.nextInt(TOKENS.length)].getBytes(StandardCharsets.US_ASCII);
    return replace(bytes, begin, end, token);
  }

  private static boolean isWord(byte b) {
    return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b == '-' || b == '.' || b == '_';
  }

  private static byte[] replace(byte[] bytes, int begin, int end, byte[] by) {
    byte[] replaced = new byte[begin + by.length + bytes.length - end];
    System.arraycopy(bytes, 0, replaced, 0, begin);
    System.arraycopy(by, 0, replaced, begin, by.length);
    System.arraycopy(bytes, end, replaced, begin + by.length, bytes.length - end);
    return replaced;
  }
}
