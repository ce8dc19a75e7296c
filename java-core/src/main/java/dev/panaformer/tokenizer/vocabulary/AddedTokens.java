package dev.panaformer.tokenizer.vocabulary;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/** The tokens that a file adds to those of the model. Immutable and thread-safe. */
public final class AddedTokens {
  private final Map<String, Integer> ids;
  private final Map<Integer, AddedToken> tokens;
  private final Set<String> special;
  private final TokenMatcher verbatim;
  private final TokenMatcher normalized;

  private AddedTokens(
      Map<String, Integer> ids,
      Map<Integer, AddedToken> tokens,
      Set<String> special,
      TokenMatcher verbatim,
      TokenMatcher normalized) {
    this.ids = ids;
    this.tokens = tokens;
    this.special = special;
    this.verbatim = verbatim;
    this.normalized = normalized;
  }

  /**
   * Gives ids to tokens. A token that the model has keeps its id; the others follow the largest id
   * in their order.
   *
   * @param normalize the form in which normalized tokens are looked for; a token whose form is
   *     empty is never found
   */
  public static AddedTokens of(
      List<AddedToken> added, TokenTable model, UnaryOperator<String> normalize) {
    Map<String, Integer> ids = new LinkedHashMap<>();
    Map<Integer, AddedToken> tokens = new HashMap<>();
    Set<String> special = new HashSet<>();
    Set<AddedToken> seen = new HashSet<>();
    List<AddedToken> distinct = new ArrayList<>();
    int next = model.count();
    for (AddedToken token : added) {
      if (token.content().isEmpty() || !seen.add(token)) {
        continue;
      }
      Integer known = ids.get(token.content());
      int id = known != null ? known : model.find(token.content());
      if (id < 0) {
        id = next;
      }
      next = Math.max(next, id + 1);
      ids.put(token.content(), id);
      tokens.put(id, token);
      if (token.special()) {
        special.add(token.content());
      }
      distinct.add(token);
    }
    TokenMatcher verbatim = new TokenMatcher();
    TokenMatcher normalized = new TokenMatcher();
    // Where two tokens have the same form, a control token comes first.
    distinct.sort(Comparator.comparing(token -> !special.contains(token.content())));
    for (AddedToken token : distinct) {
      int id = ids.get(token.content());
      if (token.normalized()) {
        normalized.add(normalize.apply(token.content()), id);
      } else {
        verbatim.add(token.content(), id);
      }
    }
    return new AddedTokens(ids, tokens, special, verbatim, normalized);
  }

  /** Finds tokens in the text as it is given. */
  public TokenMatcher verbatim() {
    return verbatim;
  }

  /** Finds tokens in the normalized text. */
  public TokenMatcher normalized() {
    return normalized;
  }

  /** The id of a token, or -1. */
  public int find(String content) {
    return ids.getOrDefault(content, -1);
  }

  /** The token of an id, or null. */
  public AddedToken token(int id) {
    return tokens.get(id);
  }

  /** Whether a spelling is that of a control token. */
  public boolean isSpecial(String content) {
    return special.contains(content);
  }

  /** The largest id plus one; 0 if there is none. */
  public int size() {
    return tokens.keySet().stream().mapToInt(id -> id + 1).max().orElse(0);
  }
}
