package dev.panaformer.kernel;

import dev.panaformer.kernel.attention.AttentionKernels;
import dev.panaformer.kernel.decoding.DecodingKernels;
import dev.panaformer.kernel.embedding.EmbeddingKernels;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.image.ImageKernels;
import dev.panaformer.kernel.linear.LinearKernels;
import dev.panaformer.kernel.linear.WeightPacking;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.kernel.norm.NormKernels;
import java.util.Locale;

/** The kernels in C. Each instance owns its engine. */
public sealed class NativeKernels implements Kernels permits CudaKernels {
  private final NativeEngine engine;
  private final TensorMemory memory;
  private final WeightPacking packing;
  private final LinearKernels linear;
  private final AttentionKernels attention;
  private final NormKernels norm;
  private final ImageKernels image;
  private final DecodingKernels decoding;
  private final EmbeddingKernels embedding;

  private NativeKernels(NativeEngine engine) {
    this(engine, EmbeddingKernels.of(engine), TensorMemory.HOST);
  }

  NativeKernels(NativeEngine engine, EmbeddingKernels embedding, TensorMemory memory) {
    this.engine = engine;
    this.memory = memory;
    this.packing = WeightPacking.of(engine);
    this.linear = LinearKernels.of(engine);
    this.attention = AttentionKernels.of(engine);
    this.norm = NormKernels.of(engine);
    this.image = ImageKernels.of(engine);
    this.decoding = DecodingKernels.of(engine);
    this.embedding = embedding;
  }

  /**
   * Starts an engine; see {@link NativeEngine#create}.
   *
   * @param isa the instruction set; {@link Isa#AUTO} respects PANAFORMER_ISA
   * @param threads the number of threads that compute, including the caller's; 1 starts no thread
   */
  public static NativeKernels create(Isa isa, int threads) {
    return new NativeKernels(NativeEngine.create(isa, threads));
  }

  /** Returns the instruction set in use, which is never {@link Isa#AUTO}. */
  public Isa isa() {
    return engine.isa();
  }

  public int threads() {
    return engine.threads();
  }

  @Override
  public String description() {
    return "native "
        + isa().name().toLowerCase(Locale.ROOT)
        + ", "
        + threads()
        + (threads() == 1 ? " thread" : " threads");
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
  public void close() {
    engine.close();
  }
}
