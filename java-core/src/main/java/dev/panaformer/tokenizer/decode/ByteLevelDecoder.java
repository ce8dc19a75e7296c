package dev.panaformer.tokenizer.decode;

import dev.panaformer.tokenizer.text.ByteAlphabet;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Turns chars of the alphabet of bytes into those bytes, and all bytes together into text. A token
 * with another char in it stands for itself.
 */
record ByteLevelDecoder() implements Decoder {
  @Override
  public List<String> decode(List<String> tokens) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String token : tokens) {
      boolean verbatim = token.chars().anyMatch(c -> ByteAlphabet.byteOf((char) c) < 0);
      if (verbatim) {
        bytes.writeBytes(token.getBytes(StandardCharsets.UTF_8));
      } else {
        token.chars().forEach(c -> bytes.write(ByteAlphabet.byteOf((char) c)));
      }
    }
    return List.of(bytes.toString(StandardCharsets.UTF_8));
  }
}
