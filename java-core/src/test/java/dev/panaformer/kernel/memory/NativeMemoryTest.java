package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class NativeMemoryTest {
  private static final long MIB = 1 << 20;

  static Stream<Supplier<NativeMemory>> kinds() {
    return Stream.of(
        NativeMemory::new, NativeMemory::onHugePages, () -> NativeMemory.ofSegment(3 * MIB));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void segmentsAreZeroedAlignedAndApart(Supplier<NativeMemory> kind) {
    // The total exceeds one mapping, and one segment is larger than a mapping.
    long[] sizes = {0, 1, 63, 64, 65, 4097, 40 * MIB, 3 * MIB + 1, 30 * MIB, 65 * MIB, 7, 2 * MIB};
    try (NativeMemory memory = kind.get()) {
      List<MemorySegment> segments = new ArrayList<>();
      for (int i = 0; i < sizes.length; i++) {
        MemorySegment segment = memory.allocate(sizes[i], 1);
        assertEquals(sizes[i], segment.byteSize());
        assertEquals(0, segment.address() % NativeMemory.ALIGNMENT);
        assertEquals(-1, segment.mismatch(MemorySegment.ofArray(new byte[(int) sizes[i]])));
        segment.fill((byte) (i + 1));
        segments.add(segment);
      }
      assertEquals(LongStream.of(sizes).sum(), memory.bytes());
      for (int i = 0; i < sizes.length; i++) {
        MemorySegment segment = segments.get(i);
        for (long at = 0; at < sizes[i]; at += Math.max(1, sizes[i] - 1)) {
          assertEquals(i + 1, segment.get(JAVA_BYTE, at), "segment " + i + " at " + at);
        }
      }
    }
  }

  /**
   * On huge pages, the next segment begins at the end of a trimmed segment and does not overlap it.
   */
  @ParameterizedTest
  @MethodSource("kinds")
  void segmentsAreCut(Supplier<NativeMemory> kind) {
    try (NativeMemory memory = kind.get()) {
      MemorySegment first = memory.trim(memory.allocate(MIB, 1), 1000);
      MemorySegment second = memory.allocate(MIB, 1);
      MemorySegment third = memory.allocate(MIB, 1);
      assertEquals(1000, first.byteSize());
      assertEquals(100, memory.trim(second, 100).byteSize()); // not the last: nothing moves
      MemorySegment fourth = memory.allocate(100, 1);
      for (MemorySegment segment : List.of(first, second, third, fourth)) {
        assertEquals(
            -1, segment.mismatch(MemorySegment.ofArray(new byte[(int) segment.byteSize()])));
        segment.fill((byte) 7);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void alignmentsAsAsked(Supplier<NativeMemory> kind) {
    try (NativeMemory memory = kind.get()) {
      for (long alignment = 1; alignment <= 8 * MIB; alignment *= 2) {
        memory.allocate(3, 1);
        assertEquals(0, memory.allocate(5, alignment).address() % alignment, "of " + alignment);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void refusalsLeaveItUsable(Supplier<NativeMemory> kind) {
    NativeMemory memory = kind.get();
    try (memory) {
      memory.allocate(MIB, 1);
      assertThrows(IllegalArgumentException.class, () -> memory.allocate(-1, 1));
      assertThrows(OutOfMemoryError.class, () -> memory.allocate(1L << 60, 1));
      MemorySegment after = memory.allocate(3, 1);
      after.fill((byte) 1);
      assertArrayEquals(new byte[] {1, 1, 1}, after.toArray(JAVA_BYTE));
    }
    assertThrows(IllegalStateException.class, () -> memory.allocate(1, 1));
  }
}
