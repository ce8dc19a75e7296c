package dev.panaformer.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * A node of an ONNX graph. Valid as long as its {@link OnnxGraph}.
 *
 * @param operator the name of the operator
 * @param domain the set of operators that it belongs to; empty for ONNX's own
 * @param metadata what the exporter has written beside the node, by its keys
 */
record OnnxNode(
    String name,
    String operator,
    String domain,
    List<String> inputs,
    List<String> outputs,
    List<Attribute> attributes,
    Map<String, String> metadata) {

  // Field numbers of NodeProto.
  private static final int INPUT = 1;
  private static final int OUTPUT = 2;
  private static final int NAME = 3;
  private static final int OPERATOR = 4;
  private static final int ATTRIBUTE = 5;
  private static final int DOMAIN = 7;
  private static final int METADATA = 9;

  static OnnxNode read(ProtobufReader in) {
    String name = "";
    String operator = "";
    String domain = "";
    List<String> inputs = new ArrayList<>();
    List<String> outputs = new ArrayList<>();
    List<Attribute> attributes = new ArrayList<>();
    Map<String, String> metadata = new HashMap<>();
    while (in.next()) {
      switch (in.field()) {
        case INPUT -> inputs.add(in.string());
        case OUTPUT -> outputs.add(in.string());
        case NAME -> name = in.string();
        case OPERATOR -> operator = in.string();
        case ATTRIBUTE -> attributes.add(Attribute.read(in.message()));
        case DOMAIN -> domain = in.string();
        case METADATA -> OnnxGraph.readEntry(in.message(), metadata);
        default -> {}
      }
    }
    return new OnnxNode(name, operator, domain, inputs, outputs, attributes, metadata);
  }

  Optional<Attribute> attribute(String name) {
    return attributes.stream().filter(attribute -> attribute.name.equals(name)).findFirst();
  }

  /**
   * An attribute, whose value is in the field of its type; the other fields are 0 or empty.
   *
   * @param string the bytes of a string
   */
  record Attribute(
      String name,
      float number,
      long integer,
      MemorySegment string,
      Optional<OnnxTensor> tensor,
      long[] integers) {

    // Field numbers of AttributeProto.
    private static final int NAME = 1;
    private static final int FLOAT = 2;
    private static final int INT = 3;
    private static final int STRING = 4;
    private static final int TENSOR = 5;
    private static final int INTS = 8;

    private static Attribute read(ProtobufReader in) {
      String name = "";
      float number = 0;
      long integer = 0;
      MemorySegment string = MemorySegment.NULL;
      Optional<OnnxTensor> tensor = Optional.empty();
      LongStream.Builder integers = LongStream.builder();
      while (in.next()) {
        switch (in.field()) {
          case NAME -> name = in.string();
          case FLOAT -> number = in.float32();
          case INT -> integer = in.varint();
          case STRING -> string = in.bytes();
          case TENSOR -> tensor = Optional.of(OnnxTensor.read(in.message()));
          case INTS -> in.varints(integers);
          default -> {}
        }
      }
      return new Attribute(name, number, integer, string, tensor, integers.build().toArray());
    }

    boolean is(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      return string.byteSize() == utf8.length && string.mismatch(MemorySegment.ofArray(utf8)) == -1;
    }
  }
}
