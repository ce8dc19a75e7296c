package dev.panaformer.tokenizer.decode;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.List;

/** Decoders that are applied one after another. */
record DecoderSequence(List<Decoder> decoders) implements Decoder {
  static DecoderSequence read(ConfigJson json) {
    return new DecoderSequence(json.objects("decoders").stream().map(Decoder::read).toList());
  }

  @Override
  public List<String> decode(List<String> tokens) {
    List<String> parts = tokens;
    for (Decoder decoder : decoders) {
      parts = decoder.decode(parts);
    }
    return parts;
  }
}
