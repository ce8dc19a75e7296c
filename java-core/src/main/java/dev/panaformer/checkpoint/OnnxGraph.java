package dev.panaformer.checkpoint;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.ExtensionRegistryLite;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Parser;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.WireFormat;
import dev.panaformer.checkpoint.onnx.GraphProto;
import dev.panaformer.checkpoint.onnx.ModelProto;
import dev.panaformer.checkpoint.onnx.NodeProto;
import dev.panaformer.checkpoint.onnx.TensorProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The nodes of an ONNX model and the locations of its weights. The two outer messages are parsed by
 * hand, because the protobuf parser would copy every weight to the heap.
 */
final class OnnxGraph {
  private static final int GRAPH = tag(ModelProto.GRAPH_FIELD_NUMBER);
  private static final int NODE = tag(GraphProto.NODE_FIELD_NUMBER);
  private static final int INITIALIZER = tag(GraphProto.INITIALIZER_FIELD_NUMBER);
  private static final int RAW_DATA = tag(TensorProto.RAW_DATA_FIELD_NUMBER);

  /**
   * Smaller tensors, such as shapes and scalars, are read because they describe the architecture.
   * Larger ones are weights and are skipped.
   */
  private static final int SMALL_BYTES = 64;

  private static final int BUFFER_BYTES = 1 << 16;

  private static final Parser<NodeProto> NODES =
      DiscardUnknownFieldsParser.wrap(NodeProto.parser());
  private static final Parser<TensorProto> TENSORS =
      DiscardUnknownFieldsParser.wrap(TensorProto.parser());

  /**
   * A named tensor of the graph.
   *
   * @param proto the tensor; without raw data, unless it is small
   * @param rawOffset the offset of the raw data in the file
   * @param rawBytes the size of the raw data; 0 if the elements are stored elsewhere
   */
  record Initializer(TensorProto proto, long rawOffset, int rawBytes) {}

  private final CheckpointFile file;
  private final List<NodeProto> nodes = new ArrayList<>();
  private final Map<String, Initializer> initializers = new LinkedHashMap<>();

  private OnnxGraph(CheckpointFile file) {
    this.file = file;
  }

  /**
   * Reads the graph of a file.
   *
   * @throws CheckpointException if the file holds no ONNX model
   */
  static OnnxGraph read(CheckpointFile file) {
    OnnxGraph graph = new OnnxGraph(file);
    if (file.size() > Integer.MAX_VALUE) {
      throw new CheckpointException(
          String.format(
              "%s: %d bytes, expected an ONNX model of at most 2 GiB", file.path(), file.size()));
    }
    try {
      graph.readModel(CodedInputStream.newInstance(file.stream(), BUFFER_BYTES));
    } catch (InvalidProtocolBufferException e) {
      throw new CheckpointException(file.path() + ": not an ONNX model: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new CheckpointException(file.path() + ": cannot be read: " + e, e);
    }
    if (graph.nodes.isEmpty()) {
      throw new CheckpointException(file.path() + ": no graph, expected an ONNX model");
    }
    return graph;
  }

  List<NodeProto> nodes() {
    return nodes;
  }

  Map<String, Initializer> initializers() {
    return initializers;
  }

  private static int tag(int field) {
    return field << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED;
  }

  private void readModel(CodedInputStream in) throws IOException {
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (tag == GRAPH) {
        int outer = in.pushLimit(in.readRawVarint32());
        readGraph(in);
        in.popLimit(outer);
      } else {
        skip(in, tag);
      }
    }
  }

  private void readGraph(CodedInputStream in) throws IOException {
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (tag == NODE) {
        nodes.add(in.readMessage(NODES, ExtensionRegistryLite.getEmptyRegistry()));
      } else if (tag == INITIALIZER) {
        int outer = in.pushLimit(in.readRawVarint32());
        readInitializer(in);
        in.popLimit(outer);
      } else {
        skip(in, tag);
      }
    }
  }

  private void readInitializer(CodedInputStream in) throws IOException {
    UnknownFieldSet.Builder fields = UnknownFieldSet.newBuilder();
    long rawOffset = 0;
    int rawBytes = 0;
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (tag == RAW_DATA) {
        rawBytes = in.readRawVarint32();
        rawOffset = in.getTotalBytesRead();
        in.skipRawBytes(rawBytes);
      } else if (!fields.mergeFieldFrom(tag, in)) {
        throw new InvalidProtocolBufferException("a group ends that has not begun");
      }
    }
    TensorProto.Builder proto = TENSORS.parseFrom(fields.build().toByteString()).toBuilder();
    if (rawBytes > 0 && rawBytes <= SMALL_BYTES) {
      proto.setRawData(ByteString.copyFrom(file.read(rawOffset, rawBytes)));
    }
    Initializer initializer = new Initializer(proto.build(), rawOffset, rawBytes);
    if (initializers.put(proto.getName(), initializer) != null) {
      throw new CheckpointException(
          String.format("%s: tensor %s appears twice", file.path(), proto.getName()));
    }
  }

  private static void skip(CodedInputStream in, int tag) throws IOException {
    if (!in.skipField(tag)) {
      throw new InvalidProtocolBufferException("a group ends that has not begun");
    }
  }
}
