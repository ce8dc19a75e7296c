package dev.panaformer.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.panaformer.bindings.panaformer_h;
import dev.panaformer.kernel.attention.FeatureMap;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.image.Interpolation;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.memory.Limits;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;

/** Java's enums and limits have exactly the constants of the native library's header. */
class HeaderTest {
  @Test
  void enums() throws Exception {
    same("ACTIVATION", Activation.values(), Activation::value);
    same("FEATURE_MAP", FeatureMap.values(), FeatureMap::value);
    same("INTERPOLATION", Interpolation.values(), Interpolation::value);
    same("ISA", Isa.values(), Isa::value);
    same("POOLING", Pooling.values(), Pooling::value);
    same("PRECISION", WeightFormat.values(), WeightFormat::value);
  }

  private static <E extends Enum<E>> void same(String prefix, E[] constants, ToIntFunction<E> value)
      throws Exception {
    Map<String, Integer> ours = new TreeMap<>();
    for (E constant : constants) {
      ours.put(constant.name(), value.applyAsInt(constant));
    }
    assertEquals(header("PF_" + prefix + "_"), ours, prefix);
  }

  @Test
  void limits() throws Exception {
    Map<String, Integer> ours = new TreeMap<>();
    for (Field field : Limits.class.getFields()) {
      ours.put(field.getName().substring("MAX_".length()), field.getInt(null));
    }
    Map<String, Integer> theirs = header("PF_MAX_");
    // Java has other names for these two constants.
    theirs.put("CONVOLUTION", theirs.remove("KERNEL"));
    theirs.put("SCREENED_ROWS", theirs.remove("SCREENED_TOKENS"));
    assertEquals(theirs, ours);
  }

  /**
   * Returns the constants of the generated bindings that begin with a prefix, keyed by the rest of
   * their names.
   */
  private static Map<String, Integer> header(String prefix) throws Exception {
    Map<String, Integer> constants = new TreeMap<>();
    for (Method method : panaformer_h.class.getMethods()) {
      if (method.getName().startsWith(prefix) && method.getParameterCount() == 0) {
        constants.put(method.getName().substring(prefix.length()), (int) method.invoke(null));
      }
    }
    assertFalse(constants.isEmpty(), prefix);
    return constants;
  }
}
