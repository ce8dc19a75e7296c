package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What the command line says of itself, and of arguments that are wrong. */
class UsageTest {
  private static final String CASES = Golden.FOLDER.toString();

  @TempDir Path folder;

  /** The commands that {@code --help} lists. */
  static List<String> commands() {
    String help = Outcome.of("--help").out();
    return Pattern.compile("(?m)^  ([a-z][a-z-]*) {2,}\\S")
        .matcher(help.substring(help.indexOf("Commands:"), help.indexOf("Exit status:")))
        .results()
        .map(match -> match.group(1))
        .toList();
  }

  @Test
  void helpListsWhatTheLauncherRunsToo() {
    assertTrue(commands().size() >= 19, () -> commands().toString());
    assertTrue(
        commands().containsAll(List.of("embed", "bench", "test", "completion", "help")),
        () -> commands().toString());
    assertTrue(Outcome.of("bench", "--help").out().contains("ONNX Runtime"));
    assertTrue(Outcome.of("test", "--help").out().contains("every test"));
    assertEquals(1, Outcome.of("bench", "2").status());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandSaysWhatItsExitStatusMeans(String command) {
    Outcome outcome = Outcome.of("help", command);
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(outcome.out().contains("Usage: panaformer " + command), outcome.out());
    if (!command.equals("help")) {
      assertEquals(outcome, Outcome.of(command, "--help"));
      assertTrue(outcome.out().matches("(?s).*Exit status:.*0 .*1 .*2 .*"), outcome.out());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          embed --threads 0 a                        | --threads is 0, expected 1 to 256
          embed --threads 257 a                      | --threads is 257, expected 1 to 256
          embed --threads many a                     | 'many' is not an int
          embed --device -1 a                        | --device is -1
          embed --precision foo a                    | int4-128 but was 'foo'
          embed --backend gpu a                      | 'gpu'
          info --threads 0                           | --threads is 0
          compare a                                  | --precision is needed
          compare --precision int8 --threads 0 a     | --threads is 0
          verify --threads 0 CASES/bert-model        | --threads is 0
          quantize CASES/bert-model o --precision fp32 | --precision is fp32
          perplexity --model m --threads 0 f         | --threads is 0
          perplexity --model m --stride -1 f         | --stride is -1
          attention --model m --source a --output a.png --threads 0 | --threads is 0
          classify --model m --top 0 a               | --top is 0
          fill-mask --model m --top -3 a             | --top is -3
          classify-image --model m --threads 0 a.png | --threads is 0
          classify-image --model m --max-pixels 0 a.png | --max-pixels is 0
          classify-image --model m --attention a.gif a.png | --attention is a.gif
          detect --model m --threshold 2 a.png       | --threshold is 2.0
          segment --model m --output o.png a b       | --output is for one image, given 2
          answer --model m                           | QUESTION is missing
          answer --model m q                         | --context TEXT
          answer --model m --pairs q                 | neither QUESTION nor --context
          generate --model GPT -p a --top-p 7        | --top-p is 7.0, expected above 0
          generate --model GPT -p a --top-k -1       | --top-k is -1
          generate --model GPT -p a -n 0             | --max-new-tokens is 0
          generate --model GPT -p a --time-limit -1  | --time-limit is -1.0
          generate --model GPT -p a --time-limit NaN | --time-limit is NaN
          generate --model GPT -p a --temperature NaN | --temperature is NaN
          generate --model GPT -p a --beams 2 --n-best 3 | --n-best is 3
          generate --model GPT -p a --no-repeat-ngram -1 | --no-repeat-ngram is -1
          completion fish                            | expected bash or zsh
          embed --nonsense                           | --nonsense
          classify a                                 | --model
          """)
  void wrongValuesAreWrongUsage(String line, String expected) {
    String gpt = Golden.modelWithVocabulary("llama-lm-generate", folder.resolve("m")).toString();
    List<String> arguments = new ArrayList<>();
    for (String argument : line.trim().split(" +")) {
      arguments.add(argument.replace("CASES", CASES).replace("GPT", gpt));
    }
    Outcome outcome = Outcome.of(arguments.toArray(String[]::new));
    assertEquals(2, outcome.status(), outcome::toString);
    List<String> said = outcome.err().lines().toList();
    assertTrue(said.getFirst().startsWith("panaformer: "), outcome::toString);
    assertTrue(said.getFirst().contains(expected.trim()), outcome::toString);
    assertTrue(said.getLast().contains("--help"), outcome::toString);
    assertTrue(said.size() <= 3, outcome::toString);
    assertEquals("", outcome.out());
  }

  @Test
  void missingFilesAreNoWrongUsage() {
    for (String[] arguments :
        new String[][] {
          {"embed", "--model", "none", "a"},
          {"embed", "--file", "none"},
          {"info", "--model", "none"},
          {"generate", "--model", "none", "-p", "a"},
          {"classify-image", "--model", "none", "a.png"},
          {"convert", "none.onnx", folder + "/x"},
          {"verify", "none"}
        }) {
      Outcome outcome = Outcome.of(arguments);
      assertEquals(1, outcome.status(), outcome::toString);
      assertEquals(1, outcome.err().lines().count(), outcome::toString);
      assertTrue(outcome.err().contains("none"), outcome::toString);
    }
  }

  @Test
  void suggestsWhatWasMeant() {
    Outcome outcome = Outcome.of("embd", "a");
    assertEquals(2, outcome.status());
    assertTrue(outcome.err().contains("embed"), outcome.err());
    assertFalse(outcome.err().contains("Usage:"), outcome.err());
  }

  /** The shell itself reads the script, and completes a command and an option of one. */
  @Test
  void bashCompletesCommandsAndOptions() throws IOException, InterruptedException {
    Outcome outcome = Outcome.of("completion", "bash");
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals(outcome.out(), Outcome.of("completion", "zsh").out());
    Path script = Files.writeString(folder.resolve("completion"), outcome.out());
    String complete =
        """
        source %s
        COMP_WORDS=(panaformer %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="${COMP_WORDS[*]}"
        _complete_panaformer
        echo "${COMPREPLY[@]}"
        """;
    assertTrue(bash(complete.formatted(script, "perp")).contains("perplexity"));
    assertTrue(bash(complete.formatted(script, "embed --sim")).contains("--similarity"));
  }

  private static String bash(String commands) throws IOException, InterruptedException {
    Process bash = new ProcessBuilder("bash", "-c", commands).redirectErrorStream(true).start();
    String out = new String(bash.getInputStream().readAllBytes());
    assertTrue(bash.waitFor(1, TimeUnit.MINUTES));
    return out;
  }
}
