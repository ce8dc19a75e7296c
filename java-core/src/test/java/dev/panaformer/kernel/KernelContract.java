package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The base class of tests that run for every implementation of {@link Kernels} and every
 * instruction set.
 */
@ParameterizedClass
@MethodSource("kernels")
public abstract class KernelContract {
  protected static final float EPS = 1e-5f;

  protected static final double FLOAT_ULP = Math.ulp(1f);

  /** The value that fills outputs before a call and that must still follow them after it. */
  protected static final float POISON = Float.NaN;

  protected static final int GUARD = 16;

  @Parameter protected Supplier<Kernels> supplier;

  protected final Random random = new Random(7);

  protected Kernels kernels;

  protected Arena arena;

  protected Workspace workspace;

  protected static List<Named<Supplier<Kernels>>> kernels() {
    return TestKernels.all();
  }

  @BeforeEach
  final void open() {
    kernels = supplier.get();
    arena = Arena.ofConfined();
    workspace = new Workspace();
  }

  @AfterEach
  final void close() {
    workspace.close();
    arena.close();
    kernels.close();
  }

  /**
   * Returns a bound on the error of a normalisation. Values are below 2. The standard deviation of
   * a row is at least √eps; dividing by it increases the rounding errors of the sums.
   */
  protected static double normError(int hidden) {
    return hidden == 1 ? 16 * FLOAT_ULP / Math.sqrt(EPS) : (hidden + 16) * FLOAT_ULP * 8;
  }

  protected static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  protected float[] random(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return values;
  }

  protected MemorySegment segment(float... values) {
    return arena.allocateFrom(JAVA_FLOAT, values);
  }

  protected MemorySegment floats(int count) {
    return arena.allocate(JAVA_FLOAT, count);
  }

  /** Returns {@code count} floats filled with {@link #POISON} and followed by a guard. */
  protected MemorySegment output(int count) {
    float[] poison = new float[count + GUARD];
    Arrays.fill(poison, POISON);
    return segment(poison);
  }

  protected MemorySegment cumulative(int[] lengths) {
    int[] cumulative = new int[lengths.length + 1];
    for (int i = 0; i < lengths.length; i++) {
      cumulative[i + 1] = cumulative[i] + lengths[i];
    }
    return arena.allocateFrom(JAVA_INT, cumulative);
  }

  /** Fills the workspace's batch with random tokens, positions from 0. */
  protected void batch(int[] lengths, int vocab) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int length : lengths) {
      for (int t = 0; t < length; t++) {
        batch.add(random.nextInt(vocab), t, random.nextInt(2));
      }
      batch.endSequence();
    }
  }

  protected static float[][] rows(
      float[] x, int first, int count, int stride, int offset, int width) {
    float[][] rows = new float[count][];
    for (int i = 0; i < count; i++) {
      int start = (first + i) * stride + offset;
      rows[i] = Arrays.copyOfRange(x, start, start + width);
    }
    return rows;
  }

  protected static float[] columns(float[] x, int rows, int stride, int offset, int width) {
    float[] columns = new float[rows * width];
    for (int i = 0; i < rows; i++) {
      System.arraycopy(x, i * stride + offset, columns, i * width, width);
    }
    return columns;
  }

  protected static float[] floats(MemorySegment segment, long start, int count) {
    return segment.asSlice(start * Float.BYTES, (long) count * Float.BYTES).toArray(JAVA_FLOAT);
  }

  protected static void assertClose(double[] expected, MemorySegment y, double bound) {
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs(y.getAtIndex(JAVA_FLOAT, i) - expected[i]);
      // Negated, because a comparison with NaN is false.
      if (!(error <= bound + FLOAT_ULP * Math.abs(expected[i]))) {
        throw new AssertionError(
            "element "
                + i
                + " is "
                + y.getAtIndex(JAVA_FLOAT, i)
                + ", expected "
                + expected[i]
                + " ± "
                + bound);
      }
    }
    for (long i = expected.length; i < y.byteSize() / Float.BYTES; i++) {
      assertTrue(Float.isNaN(y.getAtIndex(JAVA_FLOAT, i)), "written behind the end");
    }
  }
}
