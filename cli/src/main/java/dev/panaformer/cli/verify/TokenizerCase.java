package dev.panaformer.cli.verify;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.tensor.Tensor;
import dev.panaformer.tokenizer.Encoding;
import dev.panaformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A case of a tokenizer. It compares the encodings of strings with those of the reference. Every
 * field must be equal.
 */
record TokenizerCase(String name, Path folder, Path expected) implements GoldenCase {
  /** The second text of pairs for lines that have none. */
  private static final String DEFAULT_PAIR = "second segment!";

  /** How often a field was compared, how often it differed, and the first difference. */
  private static final class Tally {
    private int compared;
    private int differing;
    private String first = "";
    private final List<Integer> ids = new ArrayList<>();

    void add(String text, String ours, String reference) {
      compared++;
      if (!ours.equals(reference)) {
        first = differing == 0 ? "\"" + text + "\": " + ours + " for " + reference : first;
        differing++;
      }
    }

    /** The ids of all texts, end to end; null where the field is text. */
    Tensor computed() {
      return ids.isEmpty()
          ? null
          : Tensor.ofLongs(ids.stream().mapToLong(Integer::longValue).toArray(), ids.size());
    }
  }

  @Override
  public void run(Backends backends, Report report) throws IOException {
    List<JsonObject> lines = JsonLines.read(expected);
    Map<String, Tally> tallies = new LinkedHashMap<>();
    Tokenizer tokenizer = Tokenizer.load(folder);
    for (JsonObject line : lines) {
      if (!line.has("text")) {
        throw new CheckpointException(expected + ": a line without a text");
      }
      String text = line.remove("text").getAsString();
      JsonElement pair = line.remove("pair");
      Strings strings =
          new Strings(tokenizer, text, pair == null ? DEFAULT_PAIR : pair.getAsString());
      for (Map.Entry<String, JsonElement> field : line.entrySet()) {
        Tally tally = tallies.computeIfAbsent(field.getKey(), key -> new Tally());
        tally.add(text, strings.field(field.getKey()), reference(field.getValue()));
        strings.ids(field.getKey()).forEach(tally.ids::add);
      }
    }
    tallies.forEach((field, tally) ->
        report.add(
            Comparison.exact(
                field, tally.compared, tally.differing, tally.first, tally.computed())));
  }

  private static String reference(JsonElement value) {
    return value.isJsonPrimitive() ? value.getAsString() : value.toString();
  }

  /** The encodings of one line, each field as compact JSON. */
  private record Strings(Tokenizer tokenizer, String text, String pair) {
    String field(String name) {
      return switch (name) {
        case "ids" -> json(ids());
        case "tokens" -> json(tokenizer.encode(text).tokens());
        case "type_ids" -> json(tokenizer.encode(text).typeIds());
        case "offsets" -> offsets(tokenizer.encode(text));
        case "pair_ids" -> json(tokenizer.encode(text, pair).ids());
        case "pair_type_ids" -> json(tokenizer.encode(text, pair).typeIds());
        case "ids_without_special" -> json(tokenizer.encodePlain(text).ids());
        case "decoded" -> tokenizer.decode(tokenizer.encode(text).ids(), true);
        case "decoded_with_special" -> tokenizer.decode(tokenizer.encode(text).ids(), false);
        default -> throw new UnsupportedCaseException("tokenizer field " + name);
      };
    }

    /**
     * The ids. The tokenizer can compute them with and without offsets. The two must agree. If they
     * do not, those without offsets are returned, so that the comparison fails.
     */
    private int[] ids() {
      int[] ids = tokenizer.encode(text).ids();
      int[] alone = tokenizer.ids(text);
      return Arrays.equals(ids, alone) ? ids : alone;
    }

    /** The values of a field that is a list of ids; empty for another field. */
    IntStream ids(String name) {
      return switch (name) {
        case "ids" -> IntStream.of(tokenizer.encode(text).ids());
        case "type_ids" -> IntStream.of(tokenizer.encode(text).typeIds());
        case "pair_ids" -> IntStream.of(tokenizer.encode(text, pair).ids());
        case "pair_type_ids" -> IntStream.of(tokenizer.encode(text, pair).typeIds());
        case "ids_without_special" -> IntStream.of(tokenizer.encodePlain(text).ids());
        default -> IntStream.empty();
      };
    }

    /** The offsets in code points, as in the reference. */
    private String offsets(Encoding encoding) {
      int[][] offsets = new int[encoding.length()][];
      for (int i = 0; i < offsets.length; i++) {
        offsets[i] =
            new int[] {
              text.codePointCount(0, encoding.starts()[i]),
              text.codePointCount(0, encoding.ends()[i])
            };
      }
      return compact(Arrays.deepToString(offsets));
    }

    private static String json(int[] values) {
      return compact(Arrays.toString(values));
    }

    private static String json(String[] values) {
      return new com.google.gson.Gson().toJsonTree(values).toString();
    }

    private static String compact(String array) {
      return array.replace(" ", "");
    }
  }
}
