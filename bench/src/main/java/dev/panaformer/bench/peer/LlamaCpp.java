package dev.panaformer.bench.peer;

import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;
import dev.panaformer.bench.model.Llama;
import java.nio.file.Path;

/**
 * The peer llama.cpp, called through a JNI binding. Decodes greedily and without a prompt cache.
 */
public final class LlamaCpp implements AutoCloseable {
  private final LlamaModel model;

  public LlamaCpp(Path gguf, int threads) {
    model =
        new LlamaModel(
            new ModelParameters()
                .setModel(gguf.toString())
                .setThreads(threads)
                .setThreadsBatch(threads)
                .setCtxSize(Llama.POSITIONS)
                .setBatchSize(512)
                .disableLog());
  }

  /**
   * Ends the JVM. This is necessary because a closed model leaves a thread attached that would keep
   * the JVM alive.
   */
  public static void exit() {
    System.exit(0);
  }

  /**
   * Reads a prompt of the given number of tokens and continues it.
   *
   * @return the seconds up to the first token, and the seconds from the first to the last token
   */
  public double[] generate(int promptTokens, int newTokens) {
    // Each letter is one token. Two tokens precede the letters: one that begins the text and one
    // for a space.
    InferenceParameters parameters =
        new InferenceParameters("a".repeat(promptTokens - 4))
            .setNPredict(newTokens)
            .setTemperature(0)
            .setIgnoreEos(true)
            .setCachePrompt(false);
    long begin = System.nanoTime();
    long first = 0;
    long last = 0;
    int tokens = 0;
    for (LlamaOutput output : model.generate(parameters)) {
      last = System.nanoTime();
      first = tokens++ == 0 ? last : first;
    }
    return new double[] {(first - begin) * 1e-9, (last - first) * 1e-9, tokens};
  }

  @Override
  public void close() {
    model.close();
  }
}
