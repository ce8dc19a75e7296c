package dev.panaformer.bench.compare;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.attention.FeatureMap;
import dev.panaformer.kernel.attention.LinformerShape;
import dev.panaformer.kernel.attention.PerformerShape;
import dev.panaformer.kernel.attention.RandomFeatures;
import dev.panaformer.kernel.attention.SequenceProjections;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.text.BigBird;
import dev.panaformer.model.text.GlobalTokens;
import dev.panaformer.model.text.Longformer;
import dev.panaformer.model.text.RandomBlocks;
import dev.panaformer.model.text.Sequence;
import dev.panaformer.nn.OrthogonalFeatures;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Random;

/**
 * Measures how the time and memory of attention grow with the length of a text. Every kind of
 * attention runs in turn on the same queries, keys and values, in the shape of BERT-base's heads.
 * Time is that of the kernel. Memory is what the kernel needs beyond its inputs and outputs; native
 * code allocates nothing else.
 *
 * <p>{@code AttentionScaling [--output FILE.png] [--threads N]}
 */
public final class AttentionScaling {
  private static final int[] LENGTHS = {512, 1024, 2048, 4096, 8192, 16384};
  private static final int HEADS = 12;
  private static final int HEAD_DIM = 64;
  private static final int HIDDEN = HEADS * HEAD_DIM;
  private static final float SCALE = (float) (1 / Math.sqrt(HEAD_DIM));

  /** The window of Longformer's base model; one token is global. */
  private static final int WINDOW = 512;

  /** The block size of BigBird's base model. */
  private static final int BLOCK = 64;

  private static final int RANDOM_BLOCKS = 3;

  /** The number of projected keys of Linformer and of random features of Performer. */
  private static final int PROJECTED = 256;

  private static final int ROUNDS = 5;

  /**
   * The largest slope that counts as linear: the slope of the logarithm of the time over the
   * logarithm of the length.
   */
  private static final double LINEAR_SLOPE = 1.15;

  private static final String USAGE =
      """
      Usage: panaformer bench attention [--output FILE.png] [--threads N]
      Measures how time and memory of attention grow with the length of a text, from 512 to 16384
      tokens: full attention, Longformer, BigBird, Linformer and Performer in one shape.
            --output FILE.png   Draw both over the length.
            --threads N         On how many threads. Default: all processors.
        -h, --help              Print this.
      """;

  /** One kind of attention over one sequence of packed queries, keys and values. */
  private interface Attend {
    void run(MemorySegment qkv, TokenBatch batch, MemorySegment y, Workspace workspace);
  }

  /** Enters into the batch which tokens each token attends to. */
  private interface Lists {
    void fill(TokenBatch batch, Sequence sequence);
  }

  /**
   * @param linear the length from which its time should grow linearly; 0 for never
   * @param lists null if all tokens attend to the same tokens; a model fills the lists once per
   *     pass, for all layers
   */
  private record Kind(String name, int linear, Lists lists, Attend attend) {}

  /**
   * The measurements of one kind, for each length.
   *
   * @param linear as in {@link Kind}
   * @param seconds median times
   * @param bytes memory beyond inputs and outputs
   */
  record Growth(String name, int linear, double[] lengths, double[] seconds, double[] bytes) {
    double timeSlope() {
      int first = 0;
      while (lengths[first] < linear) {
        first++;
      }
      return slope(
          Arrays.copyOfRange(lengths, first, lengths.length),
          Arrays.copyOfRange(seconds, first, seconds.length));
    }

    double memorySlope() {
      return slope(lengths, bytes);
    }
  }

  private final Kernels kernels;
  private final NativeMemory memory = NativeMemory.onHugePages();

  /** The cumulative lengths of a batch with one sequence that has one query. */
  private final MemorySegment oneQuery = memory.allocateFrom(JAVA_INT, 0, 1);

  private AttentionScaling(Kernels kernels) {
    this.kernels = kernels;
  }

  public static void main(String[] arguments) throws IOException {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    Path output = null;
    int threads = Runtime.getRuntime().availableProcessors();
    for (int i = 0; i < arguments.length; i++) {
      boolean last = i == arguments.length - 1;
      if (arguments[i].equals("--help") || arguments[i].equals("-h")) {
        out.print(USAGE);
        return;
      } else if (arguments[i].equals("--output") && !last) {
        output = Path.of(arguments[++i]);
      } else if (arguments[i].equals("--threads")
          && !last
          && arguments[i + 1].matches("\\d{1,3}")) {
        threads = Integer.parseInt(arguments[++i]);
      } else {
        ThreadArguments.refuse("what is " + arguments[i] + "?\n" + USAGE);
      }
    }
    // Checked here so that it does not fail after minutes of measuring.
    if (output != null && !Files.isDirectory(output.toAbsolutePath().getParent())) {
      ThreadArguments.refuse("--output " + output + ": there is no such folder\n");
    }
    if (threads < 1 || threads > 256) {
      ThreadArguments.refuse("--threads " + threads + ": not in 1 to 256\n");
    }
    try (NativeKernels kernels = NativeKernels.create(Isa.AUTO, threads)) {
      out.printf(
          "float32, %d heads of %d, one sequence; %s%n", HEADS, HEAD_DIM, kernels.description());
      AttentionScaling scaling = new AttentionScaling(kernels);
      List<Growth> growths = scaling.measure();
      scaling.memory.close();
      print(growths, out);
      if (output != null) {
        ScalingChart.write(growths, inputsAndOutputs(), kernels.description(), output);
        out.println("drawn to " + output);
      }
    }
  }

  private static double[] inputsAndOutputs() {
    return Arrays.stream(LENGTHS).mapToDouble(n -> 4.0 * n * HIDDEN * Float.BYTES).toArray();
  }

  private List<Kind> kinds() {
    Random random = new Random(2);
    int positions = LENGTHS[LENGTHS.length - 1];
    SequenceProjections projections =
        new SequenceProjections(
            noise(random, (long) positions * PROJECTED, 1 / Math.sqrt(positions)),
            noise(random, (long) positions * PROJECTED, 1 / Math.sqrt(positions)),
            positions,
            PROJECTED);
    RandomFeatures features =
        RandomFeatures.of(
            FeatureMap.SOFTMAX,
            memory.allocateFrom(JAVA_FLOAT, OrthogonalFeatures.draw(1, PROJECTED, HEAD_DIM)),
            PROJECTED,
            HEAD_DIM);
    Longformer longformer = new Longformer(List.of(WINDOW), 2, HEADS, HEAD_DIM);
    BigBird bigBird =
        new BigBird(false, BLOCK, RANDOM_BLOCKS, 1, HEADS, positions, true, 0, new RandomBlocks(0));
    return List.of(
        new Kind(
            "full",
            0,
            null,
            (qkv, batch, y, workspace) ->
                kernels.attention().attention(all(qkv, batch, y, workspace), workspace)),
        new Kind(
            "Longformer",
            1,
            (batch, sequence) -> longformer.append(batch, sequence, GlobalTokens.FIRST),
            (qkv, batch, y, workspace) -> {
              kernels
                  .attention()
                  .sparseAttention(all(qkv, batch, y, workspace), batch.keyLists(0), workspace);
              // The attention of the global token.
              Attention first = all(qkv, batch, y, workspace);
              first.query(qkv, 0, 3L * HIDDEN, HEAD_DIM, oneQuery, 1);
              kernels.attention().attention(first, workspace);
            }),
        new Kind(
            "BigBird",
            Arrays.stream(LENGTHS).filter(bigBird::isSparse).min().orElseThrow(),
            (batch, sequence) -> bigBird.append(batch, sequence, GlobalTokens.NONE),
            (qkv, batch, y, workspace) ->
                kernels
                    .attention()
                    .sparseAttention(all(qkv, batch, y, workspace), batch.keyLists(0), workspace)),
        new Kind(
            "Linformer",
            1,
            null,
            (qkv, batch, y, workspace) ->
                kernels
                    .attention()
                    .linformerAttention(
                        qkv,
                        new LinformerShape(projections, HEADS, HEAD_DIM, SCALE),
                        batch,
                        y,
                        workspace)),
        new Kind(
            "Performer",
            1,
            null,
            (qkv, batch, y, workspace) ->
                kernels
                    .attention()
                    .performerAttention(
                        qkv, new PerformerShape(features, HEADS, false), batch, y, workspace)));
  }

  private static Attention all(
      MemorySegment qkv, TokenBatch batch, MemorySegment y, Workspace workspace) {
    return Attention.in(workspace).of(HEADS, HEADS, HEAD_DIM, SCALE).packed(qkv, y, batch);
  }

  private MemorySegment noise(Random random, long count, double deviation) {
    MemorySegment values = memory.allocate(count * Float.BYTES, NativeMemory.ALIGNMENT);
    for (long i = 0; i < count; i++) {
      values.setAtIndex(JAVA_FLOAT, i, (float) (deviation * random.nextGaussian()));
    }
    return values;
  }

  private List<Growth> measure() {
    List<Kind> kinds = kinds();
    double[][] seconds = new double[kinds.size()][LENGTHS.length];
    double[][] bytes = new double[kinds.size()][LENGTHS.length];
    int longest = LENGTHS[LENGTHS.length - 1];
    MemorySegment qkv = noise(new Random(1), (long) longest * 3 * HIDDEN, 1);
    MemorySegment y = memory.allocate((long) longest * HIDDEN * Float.BYTES, 64);
    for (int i = 0; i < LENGTHS.length; i++) {
      measure(kinds, qkv, y, i, seconds, bytes);
    }
    double[] lengths = Arrays.stream(LENGTHS).asDoubleStream().toArray();
    List<Growth> growths = new ArrayList<>();
    for (int k = 0; k < kinds.size(); k++) {
      Kind kind = kinds.get(k);
      growths.add(new Growth(kind.name, kind.linear, lengths, seconds[k], bytes[k]));
    }
    return growths;
  }

  /**
   * Measures all kinds at one length, in turn. Each has its own workspace, which the first call
   * grows.
   */
  private static void measure(
      List<Kind> kinds,
      MemorySegment qkv,
      MemorySegment y,
      int length,
      double[][] seconds,
      double[][] bytes) {
    double[][] rounds = new double[kinds.size()][ROUNDS];
    Workspace[] workspaces = new Workspace[kinds.size()];
    for (int round = -1; round < ROUNDS; round++) {
      for (int k = 0; k < workspaces.length; k++) {
        if (round < 0) {
          workspaces[k] = new Workspace();
          fill(workspaces[k].batch(), LENGTHS[length], kinds.get(k).lists);
        }
        long start = System.nanoTime();
        kinds.get(k).attend.run(qkv, workspaces[k].batch(), y, workspaces[k]);
        if (round >= 0) {
          rounds[k][round] = (System.nanoTime() - start) * 1e-9;
        }
      }
    }
    for (int k = 0; k < workspaces.length; k++) {
      seconds[k][length] = Rounds.median(rounds[k]);
      bytes[k][length] = workspaces[k].scratchBytes();
      if (kinds.get(k).lists != null) {
        bytes[k][length] += workspaces[k].batch().keyLists(0).bytes();
      }
      workspaces[k].close();
    }
  }

  private static void fill(TokenBatch batch, int tokens, Lists lists) {
    for (int t = 0; t < tokens; t++) {
      batch.add(0, t, 0);
    }
    batch.endSequence();
    if (lists != null) {
      lists.fill(batch, new Sequence(new int[tokens], null, null));
    }
  }

  /** The slope of the least-squares line through the points, with both axes logarithmic. */
  static double slope(double[] x, double[] y) {
    double meanX = Arrays.stream(x).map(Math::log).average().orElseThrow();
    double meanY = Arrays.stream(y).map(Math::log).average().orElseThrow();
    double products = 0;
    double squares = 0;
    for (int i = 0; i < x.length; i++) {
      double distance = Math.log(x[i]) - meanX;
      products += distance * (Math.log(y[i]) - meanY);
      squares += distance * distance;
    }
    double slope = products / squares;
    return Math.abs(slope) < 0.005 ? 0 : slope; // avoids printing -0.00
  }

  /**
   * The length from which one kind is faster than another: where the straight lines between the
   * measured points cross, with both axes logarithmic.
   */
  static OptionalDouble crossing(Growth growth, Growth other) {
    int last = growth.lengths.length - 1;
    if (growth.seconds[last] >= other.seconds[last]) {
      return OptionalDouble.empty();
    }
    int i = last;
    while (i >= 0 && growth.seconds[i] < other.seconds[i]) {
      i--;
    }
    if (i < 0) {
      return OptionalDouble.of(growth.lengths[0]);
    }
    double before = Math.log(growth.seconds[i] / other.seconds[i]);
    double after = Math.log(growth.seconds[i + 1] / other.seconds[i + 1]);
    double octaves = Math.log(growth.lengths[i + 1] / growth.lengths[i]);
    return OptionalDouble.of(growth.lengths[i] * Math.exp(octaves * before / (before - after)));
  }

  private static void print(List<Growth> growths, PrintStream out) {
    Growth full = growths.get(0);
    row(out, "milliseconds", growths, g -> g.name);
    for (int i = 0; i < LENGTHS.length; i++) {
      int at = i;
      row(out, LENGTHS[i] + " tokens", growths, g -> format("%.2f", g.seconds[at] * 1e3));
    }
    row(out, "slope", growths, g -> format("%.2f", g.timeSlope()));
    row(
        out,
        "linear, to " + LINEAR_SLOPE,
        growths,
        g -> g.linear == 0 ? "-" : g.timeSlope() <= LINEAR_SLOPE ? "yes" : "NO");
    growths.stream()
        .filter(g -> g.linear > 1)
        .forEach(g ->
            out.printf("(%s: slope from %d tokens on, where not all see all)%n", g.name, g.linear));
    row(
        out,
        "faster from",
        growths,
        g -> {
          OptionalDouble from = crossing(g, full);
          return g == full ? "-" : from.isEmpty() ? "never" : format("%.0f", from.getAsDouble());
        });
    row(
        out,
        "at " + LENGTHS[LENGTHS.length - 1],
        growths,
        g -> format("%.1fx", full.seconds[LENGTHS.length - 1] / g.seconds[LENGTHS.length - 1]));
    out.println();
    row(out, "KiB beyond q k v y", growths, g -> g.name);
    for (int i = 0; i < LENGTHS.length; i++) {
      int at = i;
      row(out, LENGTHS[i] + " tokens", growths, g -> format("%.0f", g.bytes[at] / 1024));
    }
    row(out, "slope", growths, g -> format("%.2f", g.memorySlope()));
  }

  private interface Cell {
    String of(Growth growth);
  }

  private static void row(PrintStream out, String name, List<Growth> growths, Cell cell) {
    StringBuilder line = new StringBuilder(String.format("%-18s", name));
    growths.forEach(growth -> line.append(String.format("%12s", cell.of(growth))));
    out.println(line);
  }

  private static String format(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
