package dev.panaformer.tokenizer;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.util.Arrays;
import java.util.function.LongSupplier;

/**
 * The tokenizer library of Hugging Face, which is the reference. It ends the process on some files
 * and texts, so those must not be given to it.
 */
final class RustTokenizer implements AutoCloseable {
  private static final TokenizersLibrary NATIVE = load();

  private final long handle;

  private static TokenizersLibrary load() {
    System.setProperty("ai.djl.offline", "true");
    LibUtils.checkStatus();
    return TokenizersLibrary.LIB;
  }

  /**
   * @throws RuntimeException if the library refuses the file
   */
  RustTokenizer(String json) {
    handle = NATIVE.createTokenizerFromString(json);
    NATIVE.disableTruncation(handle);
    NATIVE.disablePadding(handle);
  }

  int[] ids(String text) {
    return with(
        () -> NATIVE.encode(handle, clean(text), true),
        encoding -> ints(NATIVE.getTokenIds(encoding)));
  }

  Encoding encode(String text, boolean special) {
    return with(
        () -> NATIVE.encode(handle, clean(text), special),
        encoding -> read(encoding, clean(text), ""));
  }

  Encoding encode(String text, String pair) {
    return with(
        () -> NATIVE.encodeDual(handle, clean(text), clean(pair), true),
        encoding -> read(encoding, clean(text), clean(pair)));
  }

  String decode(int[] ids, boolean skip) {
    return NATIVE.decode(handle, Arrays.stream(ids).asLongStream().toArray(), skip);
  }

  private interface Reader<T> {
    T read(long encoding);
  }

  private static <T> T with(LongSupplier encode, Reader<T> reader) {
    long encoding = encode.getAsLong();
    try {
      return reader.read(encoding);
    } finally {
      NATIVE.deleteEncoding(encoding);
    }
  }

  private static Encoding read(long encoding, String first, String second) {
    int[] ids = ints(NATIVE.getTokenIds(encoding));
    int[] sequences = ints(NATIVE.getSequenceIds(encoding));
    CharSpan[] spans = NATIVE.getTokenCharSpans(encoding);
    String[] texts = {first, second};
    int[] starts = new int[ids.length];
    int[] ends = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      if (spans[i] != null && sequences[i] >= 0) {
        starts[i] = chars(texts[sequences[i]], spans[i].getStart());
        ends[i] = chars(texts[sequences[i]], spans[i].getEnd());
      }
    }
    return new Encoding(
        ids,
        ints(NATIVE.getTypeIds(encoding)),
        NATIVE.getTokens(encoding),
        starts,
        ends,
        sequences);
  }

  /** The library counts code points. */
  private static int chars(String text, int codePoints) {
    int count = text.codePointCount(0, text.length());
    return codePoints > count
        ? text.length() + codePoints - count
        : text.offsetByCodePoints(0, codePoints);
  }

  private static int[] ints(long[] values) {
    return Arrays.stream(values).mapToInt(value -> (int) value).toArray();
  }

  /** Replaces lone surrogates, which the library cannot be given. */
  static String clean(String text) {
    StringBuilder clean = new StringBuilder(text);
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        if (Character.isSupplementaryCodePoint(text.codePointAt(i))) {
          i++;
        } else {
          clean.setCharAt(i, '\uFFFD');
        }
      }
    }
    return clean.toString();
  }

  @Override
  public void close() {
    NATIVE.deleteTokenizer(handle);
  }
}
