package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ProtobufReader;
import dev.panaformer.checkpoint.StrictJson;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The contents of a SentencePiece file, which is a protobuf message: pieces with their scores, and
 * how texts are normalized. Immutable but for the array, which must not be modified.
 *
 * <p>Format: sentencepiece_model.proto of the SentencePiece project.
 */
record SentencePieceModel(
    Path file,
    List<Piece> pieces,
    boolean bytePairs,
    boolean byteFallback,
    int unknown,
    byte[] characterMap,
    boolean dummyPrefix,
    boolean removesExtraSpaces) {

  private static final int NORMAL = 1;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int UNIGRAM = 1;
  private static final int BPE = 2;

  /** A token. */
  record Piece(String text, double score, int type) {
    boolean isControl() {
      return type == CONTROL;
    }
  }

  /**
   * Reads a file.
   *
   * @throws CheckpointException if it is damaged, or its model is neither unigram nor BPE
   */
  static SentencePieceModel read(Path file) {
    try {
      if (Files.size(file) > StrictJson.MAX_BYTES) {
        throw new CheckpointException(
            String.format("%s: more than %d bytes are not read", file, StrictJson.MAX_BYTES));
      }
      return new Parser(file, MemorySegment.ofArray(Files.readAllBytes(file))).parse();
    } catch (IOException e) {
      throw CheckpointException.unreadable(file, e);
    }
  }

  /** Collects the fields. */
  private static final class Parser {
    private final Path file;
    private final ProtobufReader message;
    private final List<Piece> pieces = new ArrayList<>();
    private int modelType = UNIGRAM;
    private boolean byteFallback;
    private byte[] characterMap = {};
    private boolean dummyPrefix = true;
    private boolean removesExtraSpaces = true;

    Parser(Path file, MemorySegment bytes) {
      this.file = file;
      this.message = ProtobufReader.of(file, "SentencePiece model", bytes);
    }

    SentencePieceModel parse() {
      while (message.next()) {
        switch (message.field()) {
          case 1 -> readPiece(message.message());
          case 2 -> readTraining(message.message());
          case 3 -> readNormalizer(message.message());
          default -> {}
        }
      }
      if (pieces.isEmpty()) {
        throw new CheckpointException(file + ": no pieces, expected a SentencePiece model");
      }
      if (modelType != UNIGRAM && modelType != BPE) {
        throw new CheckpointException(
            file + ": model_type is " + modelType + ", expected unigram (1) or BPE (2)");
      }
      int unknown = -1;
      for (int i = 0; i < pieces.size(); i++) {
        unknown = pieces.get(i).type == UNKNOWN ? i : unknown;
      }
      return new SentencePieceModel(
          file,
          List.copyOf(pieces),
          modelType == BPE,
          byteFallback,
          unknown,
          characterMap,
          dummyPrefix,
          removesExtraSpaces);
    }

    private void readPiece(ProtobufReader fields) {
      String text = "";
      float score = 0;
      int type = NORMAL;
      while (fields.next()) {
        switch (fields.field()) {
          case 1 -> text = fields.string();
          case 2 -> score = fields.float32();
          case 3 -> type = fields.int32();
          default -> {}
        }
      }
      if (!Float.isFinite(score)) {
        throw new CheckpointException(
            String.format("%s: piece %d has the score %s", file, pieces.size(), score));
      }
      pieces.add(new Piece(text, score, type));
    }

    private void readTraining(ProtobufReader fields) {
      while (fields.next()) {
        switch (fields.field()) {
          case 3 -> modelType = fields.int32();
          case 35 -> byteFallback = fields.varint() != 0;
          default -> {}
        }
      }
    }

    private void readNormalizer(ProtobufReader fields) {
      while (fields.next()) {
        switch (fields.field()) {
          case 2 -> characterMap = fields.bytes().toArray(ValueLayout.JAVA_BYTE);
          case 3 -> dummyPrefix = fields.varint() != 0;
          case 4 -> removesExtraSpaces = fields.varint() != 0;
          default -> {}
        }
      }
    }
  }
}
