package dev.panaformer.cli.verify;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.tokenizer.Encoding;
import dev.panaformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A tokenizer.json and what the reference makes of some strings. */
record TokenizerCase(String name, Path folder) implements GoldenCase {
  @Override
  public void run(Backends backends, Report report) throws IOException {
    Map<String, int[]> counts = new LinkedHashMap<>();
    Map<String, String> first = new LinkedHashMap<>();
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      List<String> lines = Files.readAllLines(folder.resolve("expected.jsonl"));
      for (String line : lines) {
        JsonObject expected = JsonParser.parseString(line).getAsJsonObject();
        String text = expected.get("text").getAsString();
        Encoding encoding = tokenizer.encode(text);
        check(expected, text, "ids", Arrays.toString(encoding.ids()), counts, first);
        check(expected, text, "type_ids", Arrays.toString(encoding.typeIds()), counts, first);
        check(expected, text, "offsets", offsets(text, encoding), counts, first);
        int[] plain = tokenizer.encodePlain(text).ids();
        check(expected, text, "ids_without_special", Arrays.toString(plain), counts, first);
      }
      for (Map.Entry<String, int[]> field : counts.entrySet()) {
        report.add(
            Comparison.exact(
                field.getKey(),
                field.getValue()[0],
                field.getValue()[1],
                first.get(field.getKey())));
      }
    }
  }

  private static void check(
      JsonObject expected,
      String text,
      String field,
      String ours,
      Map<String, int[]> counts,
      Map<String, String> first) {
    if (expected.has(field)) {
      JsonArray reference = expected.getAsJsonArray(field);
      int[] count = counts.computeIfAbsent(field, f -> new int[2]);
      count[0]++;
      if (!reference.toString().equals(ours.replace(" ", ""))) {
        count[1]++;
        first.putIfAbsent(field, "\"" + text + "\": " + ours + ", expected " + reference);
      }
    }
  }

  /** In code points, as the reference counts. */
  private static String offsets(String text, Encoding encoding) {
    int[][] offsets = new int[encoding.length()][];
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] =
          new int[] {
            text.codePointCount(0, encoding.starts()[i]), text.codePointCount(0, encoding.ends()[i])
          };
    }
    return Arrays.deepToString(offsets);
  }
}
