package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.generate.GenerationOptions;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every options type: what a builder is told is what the options say, compare by and print. */
class OptionsTest {
  private static Object call(Object target, Method method, Object... arguments) {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new AssertionError(e);
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }

  private static Object call(Object target, String name) {
    return call(target, method(target.getClass(), name));
  }

  private static Method method(Class<?> type, String name, Class<?>... parameters) {
    try {
      return type.getMethod(name, parameters);
    } catch (NoSuchMethodException e) {
      throw new AssertionError(e);
    }
  }

  private static Object defaults(Class<?> type) {
    try {
      return type.getField("DEFAULT").get(null);
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  private static Object builder(Class<?> type) {
    return call(null, method(type, "builder"));
  }

  private static List<Method> setters(Class<?> type) {
    Class<?> builder = method(type, "builder").getReturnType();
    List<Method> setters =
        Arrays.stream(builder.getDeclaredMethods())
            .filter(m -> Modifier.isPublic(m.getModifiers()) && m.getParameterCount() == 1)
            .toList();
    assertTrue(setters.size() > 2, "setters of " + type);
    return setters;
  }

  private static boolean has(Class<?> type, String accessor) {
    return Stream.of(type.getMethods())
        .anyMatch(m -> m.getName().equals(accessor) && m.getParameterCount() == 0);
  }

  /** What an accessor says, or the compute options where they alone have it. */
  private static Object read(Object options, String name) {
    Object read =
        has(options.getClass(), name) ? call(options, name) : call(call(options, "compute"), name);
    return unwrapped(read);
  }

  private static Object unwrapped(Object value) {
    return switch (value) {
      case OptionalInt o -> o.isPresent() ? o.getAsInt() : "none";
      case OptionalLong o -> o.isPresent() ? o.getAsLong() : "none";
      case Optional<?> o -> o.isPresent() ? o.get() : "none";
      default -> value;
    };
  }

  /** A valid value other than the default. */
  private static Object other(Class<?> type, Object now) {
    if (type == int.class) {
      return now instanceof Integer number ? number + 1 : 7;
    } else if (type == long.class) {
      return now instanceof Long number ? number + 1 : 7L;
    } else if (type == double.class) {
      return 0.5;
    } else if (type == boolean.class) {
      return !(boolean) now;
    } else if (type.isEnum()) {
      return Stream.of(type.getEnumConstants()).filter(c -> !c.equals(now)).findFirst().get();
    } else if (type == Set.class) {
      return Set.of(5);
    } else if (type == List.class) {
      return List.of("x");
    } else if (type == Duration.class) {
      return Duration.ofSeconds(3);
    } else if (type == OptionalInt.class) {
      return OptionalInt.of(7);
    } else if (type == OptionalLong.class) {
      return OptionalLong.of(7);
    } else if (type == Optional.class) {
      return Optional.of(Duration.ofSeconds(3));
    } else if (type == Device.class) {
      return new Device(Backend.JAVA, 0);
    }
    assertEquals(ComputeOptions.class, type);
    return ComputeOptions.DEFAULT.withPrecision(Precision.INT8);
  }

  @ParameterizedTest
  @ValueSource(
      classes = {
        CausalLMOptions.class,
        ComputeOptions.class,
        GenerationOptions.class,
        ImageOptions.class,
        ModelOptions.class
      })
  void everyOptionIsKeptComparedAndPrinted(Class<?> type) {
    Object defaults = defaults(type);
    assertEquals(defaults, call(builder(type), "build"));
    assertEquals(defaults.hashCode(), call(builder(type), "build").hashCode());
    for (Method setter : setters(type)) {
      String name = setter.getName();
      Object value = other(setter.getParameterTypes()[0], read(defaults, name));
      Object builder = builder(type);
      assertEquals(builder, call(builder, setter, value), name + " returns the builder");
      Object changed = call(builder, "build");
      assertEquals(unwrapped(value), read(changed, name), name);
      assertNotEquals(defaults, changed, name);
      assertNotEquals(defaults.toString(), changed.toString(), name);
      assertTrue(
          changed.toString().startsWith(type.getSimpleName() + "{")
              && (!has(type, name) || name.equals("backend") || changed.toString().contains(name)),
          changed.toString());
      Object copy = call(call(changed, "toBuilder"), "build");
      assertEquals(changed, copy, name);
      assertEquals(changed.hashCode(), copy.hashCode(), name);
      for (Method with : type.getMethods()) {
        if (with.getName().equalsIgnoreCase("with" + name)) {
          assertEquals(changed, call(defaults, with, value), with.getName());
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      classes = {
        CausalLMOptions.class,
        ComputeOptions.class,
        GenerationOptions.class,
        ImageOptions.class,
        ModelOptions.class
      })
  void nullIsRefusedByName(Class<?> type) {
    for (Method setter : setters(type)) {
      if (!setter.getParameterTypes()[0].isPrimitive()) {
        Exception e =
            assertThrows(
                NullPointerException.class, () -> call(builder(type), setter, new Object[] {null}));
        assertEquals(setter.getName() + " is null, expected a value", e.getMessage());
      }
    }
  }

  @Test
  void optionsDoNotFollowTheirBuilder() {
    ModelOptions.Builder builder = ModelOptions.builder().maxBatchTokens(10);
    ModelOptions first = builder.build();
    ModelOptions second = builder.maxBatchTokens(20).build();
    assertEquals(10, first.maxBatchTokens());
    assertEquals(20, second.maxBatchTokens());
    first.toBuilder().maxBatchTokens(30);
    assertEquals(10, first.maxBatchTokens());
  }

  @Test
  void anEmptyOptionalUnsetsAnOption() {
    GenerationOptions set =
        GenerationOptions.builder()
            .forcedStart(1)
            .forcedEnd(2)
            .seed(3)
            .timeLimit(Duration.ofSeconds(4))
            .build();
    GenerationOptions unset =
        set.toBuilder()
            .forcedStart(OptionalInt.empty())
            .forcedEnd(OptionalInt.empty())
            .seed(OptionalLong.empty())
            .timeLimit(Optional.empty())
            .build();
    assertEquals(GenerationOptions.DEFAULT, unset);
  }

  private static void refused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  @Test
  void valuesOutOfRange() {
    ModelOptions options = ModelOptions.DEFAULT;
    refused("threads is 0, expected 1 to 256", () -> options.withThreads(0));
    refused("threads is 257, expected 1 to 256", () -> options.withThreads(257));
    refused("maxConcurrency is 0, expected at least 1", () -> options.withMaxConcurrency(0));
    refused("maxBatchTokens is -1, expected at least 1", () -> options.withMaxBatchTokens(-1));
    ImageOptions images = ImageOptions.DEFAULT;
    refused("maxPixels is 0, expected at least 1", () -> images.withMaxPixels(0));
    refused("maxFileBytes is 0, expected at least 1", () -> images.withMaxFileBytes(0));
    CausalLMOptions decoders = CausalLMOptions.DEFAULT;
    refused("cacheTokens is -1, expected at least 0", () -> decoders.withCacheTokens(-1));
    refused("blockTokens is 65537, expected 1 to 65536", () -> decoders.withBlockTokens(65537));
    refused("maxSequences is 0, expected 1 to 65536", () -> decoders.withMaxSequences(0));
    refused("stepTokens is 0, expected 1 to 1048576", () -> decoders.withStepTokens(0));
  }
}
