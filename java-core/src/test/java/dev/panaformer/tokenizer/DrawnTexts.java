package dev.panaformer.tokenizer;

import java.util.Random;

/** Texts drawn at random: scripts, marks, emoji, controls, lone surrogates, long words. */
final class DrawnTexts {
  private static final String[] WORDS = {
    "the",
    "The",
    "don't",
    "we're",
    "I'LL",
    "it's",
    "they'Ve",
    "'s",
    "'",
    "''",
    "n't",
    "HelloWorld",
    "camelCase",
    "love",
    "you",
    "a",
    "I",
    "xyz",
    "queue",
    "naïve",
    "café",
    "CAFÉ",
    "Straße",
    "İstanbul",
    "ſt",
    "'ſ",
    "ﬁne",
    "ﬃ",
    "e\u0301",
    "a\u0323\u0302",
    "o\u0302\u0323",
    "\u0301",
    "\u0315\u0300\u05ae\u0300b",
    "\u1E9B\u0323",
    "q\u0307\u0323",
    "Привет",
    "мир",
    "Γειά",
    "ΣΟΦΟΣ",
    "σοφός",
    "שלום",
    "שָׁלוֹם",
    "مرحبا",
    "مَرْحَبًا",
    "हिन्दी",
    "क्षि",
    "สวัสดี",
    "ชาวโลก",
    "ນ້ຳ",
    "日本語",
    "東京",
    "こんにちは",
    "カタカナ",
    "ｶﾞｷﾞ",
    "が",
    "か\u3099",
    "ー",
    "。",
    "、",
    "한국어",
    "가\u11A8",
    "\u1100\u1161\u11A8",
    "ㄱ",
    "12",
    "345",
    "1,299.99",
    "½",
    "²",
    "Ⅻ",
    "①",
    "٣٤",
    "१२",
    "3.14",
    "0xFF",
    "1234567",
    "...",
    "!",
    "?!",
    "--",
    "—",
    "“q”",
    "«x»",
    "$",
    "€",
    "£5",
    "+",
    "=",
    "<>",
    "#tag",
    "@me",
    "a_b",
    "_",
    "\\",
    "/",
    "//",
    "[",
    "]",
    "{}",
    "(x)",
    "~",
    "^",
    "`c`",
    "|",
    "😀",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "👍🏽",
    "❤️",
    "\uD83D",
    "\uDE00",
    "𝒳",
    "𠀀",
    "𐐀",
    "\u0000",
    "\u0001",
    "\u007f",
    "\u0085",
    "\u00ad",
    "\u200b",
    "\u200c",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\ufffd",
    "\ue000",
    "\u2028",
    "\u200e",
    "▁",
    "▁▁",
    "▁a",
    "Ġ",
    "Ċ",
    "##s",
    "[MASK]",
    "[SEP]",
    "<s>",
    "</s>",
    "<unk>",
    "<extra_id_0>",
    "<0x41>",
    "<|im_end|>",
    "YYY",
    "new word",
    "[NEW]",
    "http://a.b/c?d=e",
    "x@y.org",
    "C++",
    "ﷺ",
    "㍿",
    "①②",
    "Å",
    "\u212B",
    "Ω",
    "ﬀ",
    "ǅ",
    "ᾳ",
    "\u0345\u0301",
  };

  private static final String[] SPACES = {
    " ",
    " ",
    " ",
    " ",
    " ",
    "  ",
    "   ",
    "\n",
    "\r\n",
    "\t",
    "\n\n",
    " \n",
    "\n ",
    "\u00a0",
    "\u3000",
    "\u2003",
    "\r",
    "",
    "",
    "",
    " \n \n  ",
    "\u1680",
    "\u000b",
    "\f",
  };

  private final Random random;

  DrawnTexts(Random random) {
    this.random = random;
  }

  String next() {
    StringBuilder text = new StringBuilder();
    int words = random.nextInt(4) == 0 ? random.nextInt(3) : 1 + random.nextInt(12);
    if (random.nextInt(4) == 0) {
      text.append(pick(SPACES));
    }
    for (int i = 0; i < words; i++) {
      text.append(word());
      if (random.nextInt(5) > 0) {
        text.append(pick(SPACES));
      }
    }
    return text.toString();
  }

  private String word() {
    switch (random.nextInt(14)) {
      case 0:
        return pick(WORDS) + pick(WORDS);
      case 1:
        return letters(1 + random.nextInt(8));
      case 2:
        return random.nextInt(20) == 0 ? letters(90 + random.nextInt(60)) : letters(12);
      case 3:
        return pick(WORDS).repeat(1 + random.nextInt(4));
      case 4:
        return pick(WORDS).toUpperCase(java.util.Locale.ROOT);
      case 5:
        return String.valueOf(random.nextInt(1_000_000));
      default:
        return pick(WORDS);
    }
  }

  String letters(int count) {
    StringBuilder word = new StringBuilder();
    for (int i = 0; i < count; i++) {
      word.append((char) ('a' + (random.nextInt(3) > 0 ? random.nextInt(6) : random.nextInt(26))));
    }
    return word.toString();
  }

  String pick(String... choices) {
    return choices[random.nextInt(choices.length)];
  }

  static String[] words() {
    return WORDS.clone();
  }
}
