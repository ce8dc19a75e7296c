package dev.panaformer.tokenizer;

import dev.panaformer.tokenizer.decode.SpaceCleanup;
import dev.panaformer.tokenizer.file.TokenizerParts;
import dev.panaformer.tokenizer.model.Tokens;
import dev.panaformer.tokenizer.normalize.Normalizer;
import dev.panaformer.tokenizer.split.PreTokenizer;
import dev.panaformer.tokenizer.template.Template;
import dev.panaformer.tokenizer.template.Template.Part;
import dev.panaformer.tokenizer.template.Template.Special;
import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Text;
import dev.panaformer.tokenizer.vocabulary.AddedToken;
import dev.panaformer.tokenizer.vocabulary.AddedTokens;
import dev.panaformer.tokenizer.vocabulary.TokenMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * A tokenizer that is a sequence of components: added tokens are taken out of the text, what is
 * left is normalized, added tokens are taken out of the normalized text, what is left is split into
 * pieces, the model turns each piece into tokens, and a template puts control tokens around them.
 */
final class PipelineTokenizer implements Tokenizer {
  /** A text with fewer chars is not worth cutting. */
  private static final int MIN_CUT = 1 << 10;

  /** More chars than most tokens have. */
  private static final int CHARS_PER_TOKEN = 8;

  /** How far beyond its target a cut is looked for. */
  private static final int CUT_RANGE = 1 << 12;

  private final TokenizerParts parts;
  private final AddedTokens added;
  private final boolean needsAlignment;
  private final boolean cuts;
  private final Scratchpad.Pool pool = new Scratchpad.Pool();

  PipelineTokenizer(TokenizerParts parts) {
    this.parts = parts;
    this.added = parts.added();
    this.needsAlignment = parts.preTokenizer().map(PreTokenizer::needsAlignment).orElse(false);
    this.cuts =
        parts.normalizer().map(Normalizer::isLocal).orElse(true)
            && parts.preTokenizer().map(PreTokenizer::isLocal).orElse(true)
            && (added.normalized().isEmpty() || parts.normalizer().isEmpty());
  }

  @Override
  public Encoding encode(String text, ControlTokens control) {
    return assemble(parts.postProcessor().single(), true, segment(text, control));
  }

  @Override
  public Encoding encode(String text, String pair, ControlTokens control) {
    return assemble(
        parts.postProcessor().pair(), true, segment(text, control), segment(pair, control));
  }

  @Override
  public Encoding encodePlain(String text, ControlTokens control) {
    return assemble(parts.postProcessor().single(), false, segment(text, control));
  }

  private Segment segment(String text, ControlTokens control) {
    Scratchpad pad = pool.take();
    pad.tokens.clear(true);
    new Run(text, text.length(), control, pad, Integer.MAX_VALUE).tokenize();
    Segment segment = Segment.of(text, pad.tokens, parts.postProcessor().trims());
    pool.giveBack(pad);
    return segment;
  }

  private static Encoding assemble(Template template, boolean special, Segment... segments) {
    EncodingBuilder builder = new EncodingBuilder();
    for (Part part : template.parts()) {
      if (part instanceof Special tokens) {
        if (special) {
          builder.add(tokens);
        }
      } else if (part instanceof Template.Sequence sequence) {
        builder.add(segments[sequence.index()], sequence);
      }
    }
    return builder.build();
  }

  @Override
  public int[] ids(String text, ControlTokens control) {
    Scratchpad pad = pool.take();
    pad.tokens.clear(false);
    new Run(text, text.length(), control, pad, Integer.MAX_VALUE).tokenize();
    int[] ids = assemble(pad.tokens, pad.tokens.count());
    pool.giveBack(pad);
    return ids;
  }

  /** The ids of the template for one text, with the first tokens of the text. */
  private int[] assemble(Tokens tokens, int count) {
    Template template = parts.postProcessor().single();
    int texts = template.parts().size();
    int length = 0;
    for (int i = 0; i < texts; i++) {
      length += template.parts().get(i) instanceof Special s ? s.ids().size() : count;
    }
    int[] ids = new int[length];
    int at = 0;
    for (int i = 0; i < texts; i++) {
      if (template.parts().get(i) instanceof Special special) {
        for (int id : special.ids()) {
          ids[at++] = id;
        }
      } else {
        tokens.copyIds(ids, at, count);
        at += count;
      }
    }
    return ids;
  }

  @Override
  public int[] ids(String text, int maxTokens, ControlTokens control) {
    Template template = parts.postProcessor().single();
    int special = template.specialCount();
    long texts = template.parts().stream().filter(Template.Sequence.class::isInstance).count();
    if (texts != 1) {
      return encode(text, control).truncate(maxTokens).ids();
    }
    int most = maxTokens - special;
    Scratchpad pad = pool.take();
    tokenizeAsFarAs(text, Math.max(most, 0), control, pad);
    int count = pad.tokens.count();
    if (count > most && most < 0) {
      throw new IllegalArgumentException(
          String.format("%d tokens do not hold the %d special ones", maxTokens, special));
    }
    int[] ids = assemble(pad.tokens, Math.min(count, most));
    pool.giveBack(pad);
    return ids;
  }

  /** Tokenizes ever longer beginnings of a text until they have enough tokens. */
  private void tokenizeAsFarAs(String text, int enough, ControlTokens control, Scratchpad pad) {
    long target = cuts ? Math.max(MIN_CUT, (long) CHARS_PER_TOKEN * enough) : Long.MAX_VALUE;
    while (target < text.length() / 2) {
      int cut = cut(text, (int) target);
      if (cut < 0) {
        break;
      }
      pad.tokens.clear(false);
      new Run(text, cut, control, pad, enough).tokenize();
      if (pad.tokens.stable() >= enough) {
        return;
      }
      target *= 4;
    }
    pad.tokens.clear(false);
    new Run(text, text.length(), control, pad, enough).tokenize();
  }

  /** A place where the text can be cut so that only the last tokens before it change, or -1. */
  private int cut(String text, int target) {
    int last = Math.min(text.length() - 1, target + CUT_RANGE);
    for (int i = target; i < last; i++) {
      if (Chars.isSafeCut(text.charAt(i - 1), text.charAt(i))
          && !added.verbatim().reaches(text, i)
          && !added.normalized().reaches(text, i)) {
        return i;
      }
    }
    return -1;
  }

  /** One text on its way through the components. */
  private final class Run {
    private final String text;
    private final int to;
    private final ControlTokens control;
    private final Scratchpad pad;
    private final Tokens tokens;
    private final int enough;

    /**
     * @param to where the text ends
     * @param enough the number of tokens from which on the rest of the text need not be read
     */
    Run(String text, int to, ControlTokens control, Scratchpad pad, int enough) {
      this.text = text;
      this.to = to;
      this.control = control;
      this.pad = pad;
      this.tokens = pad.tokens;
      this.enough = enough;
    }

    private boolean hasEnough() {
      return tokens.stable() >= enough;
    }

    void tokenize() {
      TokenMatcher matcher = added.verbatim();
      TokenMatcher.Match match = pad.match;
      int done = 0;
      if (!matcher.isEmpty()) {
        for (int next = 0; !hasEnough() && matcher.find(text, next, to, match); ) {
          next = match.end();
          AddedToken token = accepted(match, text, to);
          if (token != null) {
            int start = start(token, match, text, done);
            int end = end(token, match, text, to);
            section(done, start);
            addAdded(match.id(), start, end, null);
            done = end;
          }
        }
      }
      section(done, to);
    }

    /** The token of a match, or null if it does not count. */
    private AddedToken accepted(TokenMatcher.Match match, CharSequence text, int to) {
      AddedToken token = added.token(match.id());
      if (added.isSpecial(token.content()) && !control.accepts(token.content())) {
        return null;
      }
      boolean partOfWord =
          token.singleWord()
              && (match.start() > 0 && Chars.isWord(Character.codePointBefore(text, match.start()))
                  || match.end() < to && Chars.isWord(Character.codePointAt(text, match.end())));
      return partOfWord ? null : token;
    }

    private static int start(
        AddedToken token, TokenMatcher.Match match, CharSequence text, int done) {
      int start = match.start();
      if (token.stripsLeft()) {
        while (start > 0 && Chars.isWhitespace(text.charAt(start - 1))) {
          start--;
        }
        start = Math.max(start, done);
      }
      return start;
    }

    private static int end(AddedToken token, TokenMatcher.Match match, CharSequence text, int to) {
      int end = match.end();
      while (token.stripsRight() && end < to && Chars.isWhitespace(text.charAt(end))) {
        end++;
      }
      return end;
    }

    /**
     * Adds an added token.
     *
     * @param normalized the text that its range is of; null for the original text
     */
    private void addAdded(int id, int from, int to, Text normalized) {
      if (from >= to) {
        return; // The token before it has taken all of its white space.
      }
      tokens.beginPiece();
      if (!tokens.isDetailed()) {
        tokens.add(id);
      } else if (normalized == null) {
        tokens.add(id, text.substring(from, to), from, to);
      } else {
        tokens.add(
            id, normalized.substring(from, to), normalized.start(from), normalized.end(to - 1));
      }
    }

    /** Normalizes part of the text and tokenizes it. */
    private void section(int from, int to) {
      if (from >= to || hasEnough()) {
        return;
      }
      pad.draft.clear(tokens.isDetailed() || needsAlignment).appendOriginal(text, from, to);
      if (parts.normalizer().isPresent()) {
        parts.normalizer().get().normalize(pad.draft);
      }
      Text normalized = pad.draft.text();
      TokenMatcher matcher = added.normalized();
      TokenMatcher.Match match = pad.normalizedMatch;
      int length = normalized.length();
      int done = 0;
      if (!matcher.isEmpty()) {
        for (int next = 0; !hasEnough() && matcher.find(normalized, next, length, match); ) {
          next = match.end();
          AddedToken token = accepted(match, normalized, length);
          if (token != null) {
            int start = start(token, match, normalized, done);
            int end = end(token, match, normalized, length);
            pieces(normalized, done, start);
            addAdded(match.id(), start, end, normalized);
            done = end;
          }
        }
      }
      pieces(normalized, done, length);
    }

    private void pieces(Text normalized, int from, int to) {
      pad.pieces.reset(normalized, from, to);
      if (parts.preTokenizer().isPresent()) {
        parts.preTokenizer().get().split(pad.pieces);
      }
      Text text = pad.pieces.text();
      int count = pad.pieces.count();
      for (int piece = 0; piece < count && !hasEnough(); piece++) {
        parts
            .model()
            .tokenize(text, pad.pieces.start(piece), pad.pieces.end(piece), pad.scratch, tokens);
      }
    }
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    List<String> spellings = new ArrayList<>(ids.length);
    for (int id : ids) {
      String spelling = spelling(id);
      if (spelling != null && !(skipSpecialTokens && added.isSpecial(spelling))) {
        spellings.add(spelling);
      }
    }
    String text =
        parts
            .decoder()
            .map(decoder -> String.join("", decoder.decode(spellings)))
            .orElseGet(() -> String.join(" ", spellings));
    return parts.cleansUpSpaces() ? SpaceCleanup.apply(text) : text;
  }

  private String spelling(int id) {
    AddedToken token = added.token(id);
    return token != null ? token.content() : parts.model().vocabulary().token(id);
  }

  @Override
  public OptionalInt id(String token) {
    int id = added.find(token);
    if (id < 0) {
      id = parts.model().vocabulary().find(token);
    }
    return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
  }

  @Override
  public String token(int id) {
    String spelling = spelling(id);
    if (spelling == null) {
      throw new IndexOutOfBoundsException(
          "no token " + id + " in a vocabulary of " + vocabularySize());
    }
    return spelling;
  }

  @Override
  public int vocabularySize() {
    return Math.max(parts.model().vocabulary().size(), added.size());
  }

  @Override
  public OptionalInt maxLength() {
    return parts.maxLength();
  }

  @Override
  public String toString() {
    return parts.source();
  }
}
