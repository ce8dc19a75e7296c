package dev.panaformer.cli.terminal;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;

/**
 * Prints records for {@code --json}: one line each, the components in the order of declaration.
 * JSON has no NaN and no infinity: they are null in arrays, and components that have them are left
 * out, as those that are null.
 */
public final class Json {
  private static final Gson GSON =
      new GsonBuilder()
          .disableHtmlEscaping()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .registerTypeAdapter(float.class, new FiniteNumber())
          .registerTypeAdapter(Float.class, new FiniteNumber())
          .registerTypeAdapter(double.class, new FiniteNumber())
          .registerTypeAdapter(Double.class, new FiniteNumber())
          .create();

  private static final class FiniteNumber extends TypeAdapter<Number> {
    @Override
    public void write(JsonWriter writer, Number number) throws IOException {
      if (number == null || !Double.isFinite(number.doubleValue())) {
        writer.nullValue();
      } else {
        writer.value(number);
      }
    }

    @Override
    public Number read(JsonReader reader) {
      throw new UnsupportedOperationException("only written");
    }
  }

  private Json() {}

  public static String line(Record value) {
    return GSON.toJson(value);
  }
}
