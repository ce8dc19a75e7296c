package dev.panaformer;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Any number of different sentences of a small grammar: statements, questions, instructions, news,
 * lists, code, numbers and nonsense, from two words to a paragraph. The same ones every time.
 */
final class Sentences {
  private static final String[] PEOPLE = {
    "the old captain", "my neighbour", "a nurse", "the board of directors", "Amara",
        "Professor Lindqvist",
    "every second voter", "the night watchman", "a child of six", "Mr. O'Brien", "the orchestra",
        "nobody",
    "the Chilean miners", "our landlord", "a retired judge", "the substitute teacher"
  };
  private static final String[] THINGS = {
    "a rusty bicycle",
    "the annual report",
    "three loaves of bread",
    "an unfinished symphony",
    "the broken lighthouse",
    "a box of letters",
    "the quarterly earnings",
    "an electron microscope",
    "the last train to Lisbon",
    "a jar of honey",
    "the constitution",
    "two tickets",
    "the server's log files",
    "a map of the catacombs",
    "an apology",
    "the vaccine"
  };
  private static final String[] VERBS = {
    "repaired",
    "misplaced",
    "inherited",
    "photographed",
    "auctioned off",
    "criticised",
    "forgot",
    "translated",
    "smuggled across the border",
    "celebrated",
    "insured",
    "painted over",
    "rewrote",
    "tasted",
    "lost interest in",
    "demanded"
  };
  private static final String[] PLACES = {
    "in Kyoto",
    "behind the cathedral",
    "at the edge of the desert",
    "on a frozen lake",
    "near the stock exchange",
    "under the bridge",
    "in the emergency room",
    "aboard the ferry",
    "somewhere in Bavaria",
    "at home",
    "online",
    "on the third floor"
  };
  private static final String[] TIMES = {
    "yesterday", "before the war", "at 4:35 a.m.", "during the storm", "in 1987",
        "every other Tuesday",
    "after the verdict", "once", "while it rained", "next spring", "for the first time", "too late"
  };
  private static final String[] QUALITIES = {
    "slow",
    "surprisingly cheap",
    "illegal",
    "delicious",
    "out of order",
    "radioactive",
    "older than it looks",
    "a matter of taste",
    "well documented",
    "impossible to prove",
    "contagious",
    "worth the trouble"
  };
  private static final String[] TOPICS = {
    "Interest rates",
    "Coral reefs",
    "Sourdough",
    "Prime numbers",
    "Volcanoes",
    "Divorce law",
    "Jazz harmony",
    "Solar panels",
    "Migratory birds",
    "Cricket",
    "Kidney stones",
    "Garbage collection in the JVM"
  };

  private final Random random = new Random(20261127);

  private Sentences() {}

  /** So many sentences, no two alike. */
  static List<String> generate(int count) {
    Sentences grammar = new Sentences();
    Set<String> sentences = new LinkedHashSet<>();
    while (sentences.size() < count) {
      sentences.add(grammar.sentence());
    }
    return new ArrayList<>(sentences);
  }

  private String sentence() {
    return switch (random.nextInt(14)) {
      case 0 -> capital(clause()) + ".";
      case 1 -> capital(clause()) + ", but " + clause() + ".";
      case 2 -> "Why is " + one(THINGS) + " " + one(QUALITIES) + "?";
      case 3 -> "Who " + one(VERBS) + " " + one(THINGS) + " " + one(PLACES) + "?";
      case 4 -> one(TOPICS) + " are " + one(QUALITIES) + ", says " + one(PEOPLE) + ".";
      case 5 -> "BREAKING: " + clause() + " " + one(TIMES) + "; " + number() + " people affected";
      case 6 -> one(TOPICS) + ": " + one(THINGS) + ", " + one(THINGS) + " and " + one(THINGS);
      case 7 ->
          "Take "
              + number()
              + " grams of "
              + word()
              + " and stir until it is "
              + one(QUALITIES)
              + ".";
      case 8 ->
          "if (" + word() + " > " + number() + ") { return " + word() + "(\"" + word() + "\"); }";
      case 9 ->
          "I think that " + clause() + " because " + one(THINGS) + " was " + one(QUALITIES) + ".";
      case 10 -> word() + " " + word();
      case 11 ->
          "+49 "
              + number()
              + " "
              + number()
              + ", "
              + word()
              + "@"
              + word()
              + ".example, €"
              + number()
              + ".99";
      case 12 -> "\"" + capital(clause()) + "!\" cried " + one(PEOPLE) + " " + one(TIMES) + ".";
      default -> paragraph();
    };
  }

  private String paragraph() {
    StringBuilder text = new StringBuilder();
    for (int i = 2 + random.nextInt(6); i > 0; i--) {
      text.append(capital(clause())).append(" ").append(one(TIMES)).append(". ");
    }
    return text.toString().strip();
  }

  private String clause() {
    String clause = one(PEOPLE) + " " + one(VERBS) + " " + one(THINGS);
    return random.nextBoolean() ? clause + " " + one(PLACES) : clause;
  }

  private String one(String[] choices) {
    return choices[random.nextInt(choices.length)];
  }

  private int number() {
    return random.nextInt(10_000);
  }

  /** Syllables that are no word, mostly. */
  private String word() {
    StringBuilder word = new StringBuilder();
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      word.append("bdfgklmnprstvz".charAt(random.nextInt(14)));
      word.append("aeiou".charAt(random.nextInt(5)));
    }
    return word.toString();
  }

  private static String capital(String text) {
    return Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }
}
