package dev.panaformer.cli.verify;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.panaformer.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A file with a JSON object on each line. */
final class JsonLines {
  private JsonLines() {}

  static List<JsonObject> read(Path file) throws IOException {
    List<JsonObject> objects = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      try {
        objects.add(JsonParser.parseString(line).getAsJsonObject());
      } catch (JsonParseException | IllegalStateException e) {
        throw new CheckpointException(
            file + ": line " + (objects.size() + 1) + " is no JSON object", e);
      }
    }
    return objects;
  }
}
