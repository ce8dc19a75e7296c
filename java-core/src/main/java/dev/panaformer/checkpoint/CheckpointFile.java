package dev.panaformer.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** An open file whose ranges are read or mapped. Exceptions name the file. */
final class CheckpointFile implements AutoCloseable {
  /** Bytes by which a file is recognised. */
  private static final int BEGINNING = 64;

  private final Path path;
  private final FileChannel channel;
  private final long size;

  private CheckpointFile(Path path, FileChannel channel, long size) {
    this.path = path;
    this.channel = channel;
    this.size = size;
  }

  static CheckpointFile open(Path path) {
    FileChannel channel = null;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
      CheckpointFile file = new CheckpointFile(path, channel, channel.size());
      ForeignFolder.requireContent(
          path, file.read(0, (int) Math.min(BEGINNING, file.size)).array());
      return file;
    } catch (IOException e) {
      closeQuietly(channel);
      throw CheckpointException.unreadable(path, e);
    } catch (CheckpointException e) {
      closeQuietly(channel);
      throw e;
    }
  }

  Path path() {
    return path;
  }

  /** The size of the file when it was opened. */
  long size() {
    return size;
  }

  /** Copies a range of bytes. The caller guarantees that it lies within the file. */
  ByteBuffer read(long offset, int count) {
    ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    try {
      while (bytes.hasRemaining()) {
        if (channel.read(bytes, offset + bytes.position()) < 0) {
          throw new CheckpointException(path + ": became shorter while it was read");
        }
      }
    } catch (ClosedChannelException e) {
      throw new IllegalStateException(path + " is closed", e);
    } catch (IOException e) {
      throw CheckpointException.unreadable(path, e);
    }
    return bytes.flip();
  }

  /** Maps a range of bytes read-only. The caller guarantees that it lies within the file. */
  MemorySegment map(long offset, long count, Arena arena) {
    try {
      return channel.map(FileChannel.MapMode.READ_ONLY, offset, count, arena);
    } catch (ClosedChannelException e) {
      throw new IllegalStateException(path + " is closed", e);
    } catch (IOException e) {
      throw CheckpointException.unreadable(path, e);
    }
  }

  @Override
  public void close() {
    closeQuietly(channel);
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // Ignored: the file was only read, so nothing can be lost.
    }
  }
}
