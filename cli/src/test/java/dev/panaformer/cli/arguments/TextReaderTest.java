package dev.panaformer.cli.arguments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.panaformer.cli.terminal.Progress;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lines as they come, and how far the reader is. */
class TextReaderTest {
  @TempDir Path folder;

  private TextReader<String> reader(String... arguments) {
    return new TextReader<>(List.of(arguments), Function.identity());
  }

  @Test
  void splitsAtEveryKindOfLineEnd() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "\uFEFFone\r\ntwo\rthree\n\nfi\u00fcnf");
    try (TextReader<String> reader = reader()) {
      reader.addFile(file);
      assertEquals(List.of("one", "two", "three", "", "fi\u00fcnf"), reader.all());
    }
    Path empty = Files.createFile(folder.resolve("empty"));
    try (TextReader<String> reader = reader()) {
      reader.addFile(empty);
      assertEquals(List.of(), reader.all());
    }
  }

  @Test
  void countsBytesOfArgumentsAndFiles() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "a\nbcd\n");
    try (TextReader<String> reader = reader("\u00fc")) {
      assertEquals(2, reader.size());
      reader.addFile(file);
      reader.addFile(file);
      assertEquals(14, reader.size());
      assertEquals(Progress.Unit.BYTES, reader.unit());
      assertEquals(List.of("\u00fc", "a"), reader.next(2));
      assertEquals(4, reader.position());
      assertEquals(List.of("bcd"), reader.next(2), "the file has no more");
      assertEquals(8, reader.position());
      assertEquals(List.of("a", "bcd"), reader.next(2));
      assertEquals(List.of(), reader.next(2));
      assertEquals(14, reader.position());
    }
  }

  @Test
  void howMuchStdinHasIsUnknown() throws IOException {
    InputStream stdin = System.in;
    System.setIn(new ByteArrayInputStream("b".getBytes(StandardCharsets.UTF_8)));
    try (TextReader<String> reader = reader("a")) {
      reader.addStdin();
      assertEquals(Progress.UNKNOWN, reader.size());
      assertEquals(List.of("a", "b"), reader.all());
    } finally {
      System.setIn(stdin);
    }
  }

  @Test
  void saysWhereAFileIsNotUtf8() throws IOException {
    byte[] bytes = "one\ntw\u00fc\nthr\u00e9e\nfour\n".getBytes(StandardCharsets.UTF_8);
    bytes[11] = (byte) 0xE9;
    bytes[12] = 'x';
    Path file = Files.write(folder.resolve("f"), bytes);
    try (TextReader<String> reader = reader()) {
      reader.addFile(file);
      assertEquals(List.of("one", "tw\u00fc"), reader.next(5));
      IOException e = assertThrows(IOException.class, () -> reader.next(5));
      assertEquals(file + ": not UTF-8 in line 3: its byte 3 is 0xE9", e.getMessage());
    }
    IOException e = assertThrows(IOException.class, () -> TextFile.read(file));
    assertEquals(file + ": not UTF-8 in line 3: its byte 3 is 0xE9", e.getMessage());
  }

  @Test
  void refusesAFolder() {
    try (TextReader<String> reader = reader()) {
      IOException e = assertThrows(IOException.class, () -> reader.addFile(folder));
      assertEquals(folder + ": a folder, expected a file", e.getMessage());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
