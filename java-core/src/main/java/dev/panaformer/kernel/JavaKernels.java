package dev.panaformer.kernel;

import dev.panaformer.bindings.NativeLibraryException;
import dev.panaformer.kernel.attention.AttentionKernels;
import dev.panaformer.kernel.decoding.DecodingKernels;
import dev.panaformer.kernel.embedding.EmbeddingKernels;
import dev.panaformer.kernel.image.ImageKernels;
import dev.panaformer.kernel.linear.LinearKernels;
import dev.panaformer.kernel.linear.WeightPacking;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.kernel.norm.NormKernels;
import java.lang.System.Logger.Level;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The kernels as plain loops on the caller's thread. They run where there is no native library, and
 * the native kernels are tested and measured against them. Sums are computed in double.
 */
public final class JavaKernels implements Kernels {
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  private final TensorMemory memory = TensorMemory.HOST;
  private final WeightPacking packing = WeightPacking.inJava();
  private final LinearKernels linear = LinearKernels.inJava();
  private final AttentionKernels attention = AttentionKernels.inJava();
  private final NormKernels norm = NormKernels.inJava();
  private final ImageKernels image = ImageKernels.inJava();
  private final DecodingKernels decoding = DecodingKernels.inJava();
  private final EmbeddingKernels embedding = EmbeddingKernels.inJava();

  /**
   * Returns kernels in Java to use in place of native ones. Logs a warning the first time in a
   * process.
   */
  static JavaKernels fallback(NativeLibraryException missing) {
    if (WARNED.compareAndSet(false, true)) {
      // The logger is looked up only here because the JDK's logging takes a while to start.
      System.getLogger(Kernels.class.getName())
          .log(Level.WARNING, "Computing in plain Java, slowly: {0}", missing.getMessage());
    }
    return new JavaKernels();
  }

  @Override
  public String description() {
    return "java, 1 thread";
  }

  @Override
  public TensorMemory memory() {
    return memory;
  }

  @Override
  public WeightPacking packing() {
    return packing;
  }

  @Override
  public LinearKernels linear() {
    return linear;
  }

  @Override
  public AttentionKernels attention() {
    return attention;
  }

  @Override
  public NormKernels norm() {
    return norm;
  }

  @Override
  public ImageKernels image() {
    return image;
  }

  @Override
  public DecodingKernels decoding() {
    return decoding;
  }

  @Override
  public EmbeddingKernels embedding() {
    return embedding;
  }

  @Override
  public void close() {}
}
