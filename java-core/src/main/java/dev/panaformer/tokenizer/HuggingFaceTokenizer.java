package dev.panaformer.tokenizer;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.StrictJson;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.locks.StampedLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * A tokenizer that calls Hugging Face's library through DJL's JNI functions. DJL's own class is not
 * used, because it would pad and truncate as the file says, fetch eight arrays where one is needed,
 * and report usage to its authors.
 */
final class HuggingFaceTokenizer implements Tokenizer {
  private static final TokenizersLibrary NATIVE = TokenizersLibrary.LIB;

  /** If this property is set, DJL does not look for a GPU version of its library on the network. */
  private static final String DJL_OFFLINE = "ai.djl.offline";

  private final Path source;
  private final Vocabulary vocabulary;
  private final long handle;

  /** Calls hold the read lock; {@link #close} takes the write lock. */
  private final StampedLock lock = new StampedLock();

  private boolean closed;

  private HuggingFaceTokenizer(Path source, Vocabulary vocabulary, long handle) {
    this.source = source;
    this.vocabulary = vocabulary;
    this.handle = handle;
  }

  static Tokenizer load(Path folder) {
    Path tokenizer = folder.resolve("tokenizer.json");
    if (Files.exists(tokenizer)) {
      byte[] utf8 = StrictJson.readBytes(tokenizer);
      // Every parser reads strict JSON in the same way, so the library reads exactly what was
      // checked.
      return of(
          ConfigJson.of(tokenizer, StrictJson.parseObject(tokenizer.toString(), utf8)),
          new String(utf8, StandardCharsets.UTF_8));
    }
    Path vocabulary = folder.resolve("vocab.txt");
    if (Files.exists(vocabulary)) {
      ConfigJson json = WordPieceFile.read(vocabulary);
      return of(json, json.toString());
    }
    throw new CheckpointException(folder + ": holds neither tokenizer.json nor vocab.txt");
  }

  private static Tokenizer of(ConfigJson json, String text) {
    Path source = json.source();
    AbortGuard.check(json);
    Vocabulary vocabulary = Vocabulary.read(json);
    loadLibrary();
    long handle =
        failingWith(source + ": not a tokenizer: ", () -> NATIVE.createTokenizerFromString(text));
    NATIVE.disableTruncation(handle);
    NATIVE.disablePadding(handle);
    return new HuggingFaceTokenizer(source, vocabulary, handle);
  }

  private static synchronized void loadLibrary() {
    String before = System.getProperty(DJL_OFFLINE);
    System.setProperty(DJL_OFFLINE, "true");
    try {
      LibUtils.checkStatus();
    } catch (RuntimeException | LinkageError e) {
      throw new IllegalStateException("the tokenizer library cannot be loaded: " + e, e);
    } finally {
      if (before == null) {
        System.clearProperty(DJL_OFFLINE);
      } else {
        System.setProperty(DJL_OFFLINE, before);
      }
    }
  }

  @Override
  public Encoding encode(String text) {
    String clean = withoutLoneSurrogates(text);
    return whileOpen(() -> read(() -> NATIVE.encode(handle, clean, true), clean, ""));
  }

  @Override
  public Encoding encode(String text, String pair) {
    String first = withoutLoneSurrogates(text);
    String second = withoutLoneSurrogates(pair);
    return whileOpen(
        () -> read(() -> NATIVE.encodeDual(handle, first, second, true), first, second));
  }

  @Override
  public Encoding encodePlain(String text) {
    String clean = withoutLoneSurrogates(text);
    return whileOpen(() -> read(() -> NATIVE.encode(handle, clean, false), clean, ""));
  }

  @Override
  public int[] ids(String text) {
    String clean = withoutLoneSurrogates(text);
    return whileOpen(() -> {
      long encoding = tokenize(() -> NATIVE.encode(handle, clean, true));
      try {
        return ints(NATIVE.getTokenIds(encoding));
      } finally {
        NATIVE.deleteEncoding(encoding);
      }
    });
  }

  @Override
  public int[] ids(String text, int maxTokens) {
    String clean = withoutLoneSurrogates(text);
    return whileOpen(() -> {
      long encoding = tokenize(() -> NATIVE.encode(handle, clean, true));
      try {
        int[] ids = ints(NATIVE.getTokenIds(encoding));
        return ids.length <= maxTokens
            ? ids
            : read(encoding, ids, clean, "").truncate(maxTokens).ids();
      } finally {
        NATIVE.deleteEncoding(encoding);
      }
    });
  }

  @Override
  public List<Encoding> encodeAll(List<String> texts) {
    // The batch functions of the library end the process if one text fails.
    return texts.stream().map(this::encode).toList();
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    long[] wide = Arrays.stream(ids).asLongStream().toArray();
    return whileOpen(() ->
        failingWith(
            source + ": cannot decode: ", () -> NATIVE.decode(handle, wide, skipSpecialTokens)));
  }

  @Override
  public OptionalInt id(String token) {
    return vocabulary.id(token);
  }

  @Override
  public String token(int id) {
    return vocabulary.token(id);
  }

  @Override
  public int vocabularySize() {
    return vocabulary.size();
  }

  @Override
  public void close() {
    long stamp = lock.writeLock();
    try {
      if (!closed) {
        closed = true;
        NATIVE.deleteTokenizer(handle);
      }
    } finally {
      lock.unlockWrite(stamp);
    }
  }

  private <T> T whileOpen(Supplier<T> call) {
    long stamp = lock.readLock();
    try {
      if (closed) {
        throw new IllegalStateException("the tokenizer of " + source + " is closed");
      }
      return call.get();
    } finally {
      lock.unlockRead(stamp);
    }
  }

  private long tokenize(LongSupplier call) {
    return failingWith(source + ": cannot tokenize: ", call::getAsLong);
  }

  /** Adds a message to errors of the library, which are plain RuntimeExceptions. */
  private static <T> T failingWith(String message, Supplier<T> call) {
    try {
      return call.get();
    } catch (RuntimeException e) {
      throw new CheckpointException(message + e.getMessage(), e);
    }
  }

  private Encoding read(LongSupplier call, String first, String second) {
    long encoding = tokenize(call);
    try {
      return read(encoding, ints(NATIVE.getTokenIds(encoding)), first, second);
    } finally {
      NATIVE.deleteEncoding(encoding);
    }
  }

  private static Encoding read(long encoding, int[] ids, String first, String second) {
    int[] sequences = ints(NATIVE.getSequenceIds(encoding));
    CharSpan[] spans = NATIVE.getTokenCharSpans(encoding);
    CodePoints[] texts = {new CodePoints(first), new CodePoints(second)};
    int[] starts = new int[ids.length];
    int[] ends = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      if (spans[i] != null && sequences[i] != Encoding.NO_SEQUENCE) {
        starts[i] = texts[sequences[i]].index(spans[i].getStart());
        ends[i] = texts[sequences[i]].index(spans[i].getEnd());
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

  /** Maps code points to chars: the library's offsets count code points. */
  private static final class CodePoints {
    /** The char index of each code point; null if code points and chars agree, as in most texts. */
    private final int[] starts;

    CodePoints(String text) {
      int count = text.codePointCount(0, text.length());
      if (count == text.length()) {
        starts = null;
        return;
      }
      starts = new int[count + 1];
      for (int i = 1; i <= count; i++) {
        starts[i] = text.offsetByCodePoints(starts[i - 1], 1);
      }
    }

    int index(int codePoint) {
      return starts == null ? codePoint : starts[codePoint];
    }
  }

  private static int[] ints(long[] values) {
    int[] ints = new int[values.length];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = (int) values[i];
    }
    return ints;
  }

  /**
   * Replaces lone surrogates. Each replacement is as long as the original, so offsets stay valid.
   */
  static String withoutLoneSurrogates(String text) {
    StringBuilder clean = null;
    for (int i = 0; i < text.length(); i++) {
      if (!Character.isSurrogate(text.charAt(i))) {
        continue;
      }
      if (Character.isSupplementaryCodePoint(text.codePointAt(i))) {
        i++;
        continue;
      }
      if (clean == null) {
        clean = new StringBuilder(text);
      }
      clean.setCharAt(i, '\uFFFD');
    }
    return clean == null ? text : clean.toString();
  }
}
