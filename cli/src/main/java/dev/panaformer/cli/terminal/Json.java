package dev.panaformer.cli.terminal;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;

/** Prints records for {@code --json}: one line each, the components in the order of declaration. */
public final class Json {
  private static final Gson GSON =
      new GsonBuilder()
          .disableHtmlEscaping()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .create();

  private Json() {}

  public static String line(Record value) {
    return GSON.toJson(value);
  }
}
