package dev.panaformer.bench.tokenizer;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.panaformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Texts to ids on one thread: {@code ours} against {@code rust}. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(2)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class TokenizerBenchmark {
  private static final int TEXTS = 32;

  @Param({"wordpiece", "bytelevel-bpe", "unigram"})
  String kind;

  @Param({"10", "100", "1000"})
  int words;

  private String[] texts;
  private Tokenizer ours;
  private TokenizersLibrary library;
  private long rust;
  private int next;

  @Setup
  public void load() throws IOException {
    Path folder = Files.createTempDirectory("tokenizer-benchmark");
    try {
      String json = TokenizerFiles.json(kind);
      Files.writeString(folder.resolve("tokenizer.json"), json);
      ours = Tokenizer.load(folder);
      System.setProperty("ai.djl.offline", "true");
      LibUtils.checkStatus();
      library = TokenizersLibrary.LIB;
      rust = library.createTokenizerFromString(json);
      texts = TokenizerFiles.texts(TEXTS, words);
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(file -> file.delete());
      }
    }
  }

  @TearDown
  public void unload() {
    library.deleteTokenizer(rust);
  }

  private String text() {
    next = (next + 1) % TEXTS;
    return texts[next];
  }

  @Benchmark
  public int[] ours() {
    return ours.ids(text());
  }

  @Benchmark
  public long[] rust() {
    long encoding = library.encode(rust, text(), true);
    long[] ids = library.getTokenIds(encoding);
    library.deleteEncoding(encoding);
    return ids;
  }
}
