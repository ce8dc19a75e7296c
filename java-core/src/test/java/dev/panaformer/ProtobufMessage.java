package dev.panaformer;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** A protobuf message that protobuf's own library writes, field by field. */
public final class ProtobufMessage {
  private interface Writer {
    void write(CodedOutputStream out) throws IOException;
  }

  private final ByteArrayOutputStream fields = new ByteArrayOutputStream();

  private ProtobufMessage add(Writer writer) {
    try {
      CodedOutputStream out = CodedOutputStream.newInstance(fields);
      writer.write(out);
      out.flush();
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public ProtobufMessage varint(int field, long... values) {
    for (long value : values) {
      add(out -> out.writeInt64(field, value));
    }
    return this;
  }

  public ProtobufMessage packed(int field, long... values) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      CodedOutputStream out = CodedOutputStream.newInstance(bytes);
      for (long value : values) {
        out.writeInt64NoTag(value);
      }
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes(field, bytes.toByteArray());
  }

  public ProtobufMessage float32(int field, float value) {
    return add(out -> out.writeFloat(field, value));
  }

  public ProtobufMessage float64(int field, double value) {
    return add(out -> out.writeDouble(field, value));
  }

  public ProtobufMessage text(int field, String... values) {
    for (String value : values) {
      bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }
    return this;
  }

  public ProtobufMessage bytes(int field, byte[] value) {
    return add(out -> out.writeByteArray(field, value));
  }

  public ProtobufMessage message(int field, ProtobufMessage value) {
    return bytes(field, value.toByteArray());
  }

  public byte[] toByteArray() {
    return fields.toByteArray();
  }
}
