package dev.panaformer.bindings;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.FindException;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.lang.module.ModuleReference;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The modules with native libraries that are on the module path, or linked into the run-time image,
 * without being part of the module graph. No module requires them, because an application brings
 * those of its platforms, so the class loader does not know their resources.
 */
final class NativeModules {
  private static final String PREFIX = "dev.panaformer.natives.";

  private static final List<ModuleReference> MODULES = find();

  private NativeModules() {}

  private static List<ModuleReference> find() {
    Path[] path =
        Pattern.compile(Pattern.quote(File.pathSeparator))
            .splitAsStream(System.getProperty("jdk.module.path", ""))
            .filter(entry -> !entry.isEmpty())
            .map(Path::of)
            .toArray(Path[]::new);
    return Stream.of(ModuleFinder.of(path), ModuleFinder.ofSystem())
        .flatMap(NativeModules::all)
        .toList();
  }

  private static Stream<ModuleReference> all(ModuleFinder finder) {
    try {
      return finder.findAll().stream()
          .filter(module -> module.descriptor().name().startsWith(PREFIX));
    } catch (FindException unreadable) {
      // A jar that the module graph does not need. The library may still be elsewhere.
      return Stream.empty();
    }
  }

  /** Opens a resource, or returns null if no such module has it. */
  static InputStream open(String resource) throws IOException {
    for (ModuleReference module : MODULES) {
      try (ModuleReader reader = module.open()) {
        Optional<InputStream> found = reader.open(resource);
        if (found.isPresent()) {
          try (InputStream in = found.get()) {
            return new ByteArrayInputStream(in.readAllBytes());
          }
        }
      }
    }
    return null;
  }
}
